/** Where webhooks may lead, and what a receiver may do with us. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { answering, WebhookReceiver } from '../../test/support/webhook-receiver.ts';
import { AllowedAddresses, networkProblem, type Resolve } from './allowed-addresses.ts';
import { checkWebhookUrl, WebhookClient } from './webhook-client.ts';

const nothingAllowed = { allowNetworks: [], allowHttp: true };
const forbidden = { name: 'ForbiddenAddress' };
const resolving =
  (...addresses: string[]): Resolve =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

/** By the name of its registry entry; each was looked at with its first and last address. */
const special: Readonly<Record<string, readonly string[]>> = {
  'this network': ['0.0.0.0', '0.255.255.255'],
  private: ['10.0.0.0', '10.255.255.255', '172.16.0.0', '172.31.255.255', '192.168.0.0'],
  'private, last': ['192.168.255.255'],
  'shared address space': ['100.64.0.0', '100.127.255.255'],
  loopback: ['127.0.0.1', '127.255.255.255'],
  'link-local, cloud metadata': ['169.254.0.0', '169.254.169.254', '169.254.255.255'],
  'protocol assignments': ['192.0.0.0', '192.0.0.255', '192.0.0.192'],
  documentation: ['192.0.2.1', '198.51.100.1', '203.0.113.255'],
  'relays and AS112': ['192.88.99.1', '192.31.196.1', '192.52.193.1', '192.175.48.1'],
  benchmarking: ['198.18.0.0', '198.19.255.255'],
  multicast: ['224.0.0.1', '239.255.255.255'],
  'reserved and broadcast': ['240.0.0.0', '255.255.255.255'],
  'IPv6 unspecified and loopback': ['::', '::1'],
  'IPv6 mapped, compatible and translated': [
    ...['::ffff:127.0.0.1', '::ffff:8.8.8.8', '::127.0.0.1', '64:ff9b::7f00:1', '64:ff9b:1::1'],
  ],
  'IPv6 discard': ['100::1'],
  'IPv6 protocol assignments and Teredo': ['2001::1', '2001:0:7f00:1::', '2001:1ff:ffff::1'],
  'IPv6 documentation': ['2001:db8::1', '3fff::1', '3fff:fff::1'],
  '6to4 of a private address': ['2002:7f00:1::1'],
  'IPv6 unique local, cloud metadata': ['fc00::1', 'fdff::1', 'fd00:ec2::254'],
  'IPv6 link-local and site-local': ['fe80::1', 'febf::1', 'fec0::1'],
  'IPv6 multicast': ['ff02::1', 'ff0e::1'],
};
const reachable = [
  ...['1.1.1.1', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255'],
  ...['128.0.0.0', '169.253.255.255', '172.15.255.255', '172.32.0.0', '192.167.255.255'],
  ...['198.17.255.255', '198.20.0.0', '223.255.255.255', '2606:4700::1111', '2a00:1450::1'],
];

describe('addresses', () => {
  const none = new AllowedAddresses([]);
  for (const [what, addresses] of Object.entries(special))
    test(`${what}: not reached, as literal or behind a name`, async () => {
      for (const address of addresses) {
        assert.equal(none.allows(address), false, address);
        const host = address.includes(':') ? `[${address}]` : address;
        const post = { headers: {}, body: '', timeout: 500 };
        const literal = new WebhookClient(nothingAllowed).post({ url: `http://${host}/`, ...post });
        await assert.rejects(literal, forbidden, address);
        const client = new WebhookClient({ ...nothingAllowed, resolve: resolving(address) });
        await assert.rejects(
          client.post({ url: 'http://a.example/', ...post }),
          forbidden,
          address,
        );
      }
    });
  test('public ones are reached', () => {
    for (const address of reachable) assert.equal(none.allows(address), true, address);
  });
  test('what is no address is not allowed', () => {
    for (const text of ['', 'localhost', '1.2.3', '127.0.0.1%lo'])
      assert.equal(none.allows(text), false);
  });
  test('of a name that has both, the public address is connected to', async () => {
    const mixed = new AllowedAddresses([], resolving('127.0.0.1', '1.1.1.1', '::1'));
    const found = await new Promise((resolve) =>
      mixed.lookup('a.example', { all: true }, (_, addresses) => resolve(addresses)),
    );
    assert.deepEqual(found, [{ address: '1.1.1.1', family: 4 }]);
  });
  test('a name is asked for once, however many wait for it', async () => {
    let asked = 0;
    const counting = new AllowedAddresses([], async () => {
      asked += 1;
      return [{ address: '1.1.1.1', family: 4 }];
    });
    const look = () =>
      new Promise((resolve) =>
        counting.lookup('a.example', {}, (error, address) => resolve(error ?? address)),
      );
    assert.deepEqual(await Promise.all([look(), look(), look()]), Array(3).fill('1.1.1.1'));
    assert.equal(asked, 1);
  });
  test('an operator can allow networks, and no others with them', () => {
    const some = new AllowedAddresses(['10.1.0.0/16', 'fd00:1::/32']);
    for (const address of ['10.1.2.3', 'fd00:1::5', '1.1.1.1']) assert.ok(some.allows(address));
    for (const address of ['10.2.0.1', 'fd00:2::1', '127.0.0.1'])
      assert.ok(!some.allows(address), address);
  });
  test('networks are written with their prefix', () => {
    for (const cidr of ['10.0.0.0/8', '0.0.0.0/0', '::/0', 'fd00::/128'])
      assert.equal(networkProblem(cidr), undefined);
    for (const cidr of [
      '10.0.0.0',
      '10.0.0.0/33',
      'fd00::/129',
      'a/8',
      '10.0/8',
      '/8',
      '10.0.0.0/-1',
    ])
      assert.match(networkProblem(cidr) ?? '', /is no network/, cidr);
  });
});

test('URLs that cannot be', () => {
  for (const [url, reason] of [
    ['nonsense', /is not the URL/],
    ['http://a.example/', /events\.allowHttp/],
    ['file:///etc/passwd', /begin with https/],
    ['https://user:secret@a.example/', /no user name/],
    ['https://a.example/#part', /no fragment/],
    [`https://a.example/${'a'.repeat(2000)}`, /is not the URL/],
  ] as const)
    assert.throws(() => checkWebhookUrl(url, { allowHttp: false }), { message: reason }, url);
  assert.throws(() => checkWebhookUrl('ftp://a.example/', { allowHttp: true }), /begin with https/);
  checkWebhookUrl('http://a.example/', { allowHttp: true });
});

describe('a receiver', { timeout: 20_000 }, () => {
  let receiver: WebhookReceiver;
  let client: WebhookClient;
  before(async () => {
    receiver = await WebhookReceiver.start();
    const { authorities } = receiver;
    client = new WebhookClient({ allowNetworks: ['127.0.0.0/8'], allowHttp: false, authorities });
  });
  after(() => receiver.close());
  const post = (changes = {}) =>
    client.post({ url: receiver.url('/in'), headers: {}, body: '{}', timeout: 5000, ...changes });

  test('behind a name for loopback is not reached unless that is allowed', async () => {
    const count = receiver.received.length;
    const { authorities } = receiver;
    const strict = new WebhookClient({ allowNetworks: [], allowHttp: false, authorities });
    for (const url of [
      receiver.url(),
      `https://127.0.0.1:${receiver.port}/`,
      `https://2130706433:${receiver.port}/`,
    ])
      await assert.rejects(strict.post({ url, headers: {}, body: '{}', timeout: 5000 }), forbidden);
    assert.equal(receiver.received.length, count);
    assert.equal((await post()).status, 204);
    assert.equal(receiver.received.length, count + 1);
  });

  test('that redirects is not followed', async () => {
    const count = receiver.received.length;
    for (const status of [301, 302, 303, 307, 308]) {
      receiver.answer = answering(status, '', { Location: receiver.url('/elsewhere') });
      assert.equal((await post()).status, status);
    }
    assert.equal(receiver.received.length, count + 5);
    assert.ok(receiver.received.every(({ path }) => path !== '/elsewhere'));
  });

  test('that says too much is not listened to', async () => {
    receiver.answer = answering(200, 'x'.repeat(100));
    assert.equal((await post({ mostOctets: 100 })).body?.length, 100);
    assert.equal((await post({ mostOctets: 99 })).body, undefined);
    assert.equal((await post()).body, undefined);
    receiver.answer = (_, response) => {
      const write = () => {
        if (!response.destroyed) response.write('x'.repeat(65_536), () => setImmediate(write));
      };
      response.writeHead(200);
      write();
    };
    assert.equal((await post({ mostOctets: 4096 })).body, undefined);
  });

  test('that takes its time is left, whether it says nothing or too little', async () => {
    receiver.answer = () => {};
    await assert.rejects(post({ timeout: 200 }), /no answer within 200 ms/);
    receiver.answer = (_, response) => void response.writeHead(200).write('{');
    await assert.rejects(post({ timeout: 200, mostOctets: 100 }), /no answer within 200 ms/);
    receiver.answer = (_, response) => {
      response.writeHead(200, { 'Content-Length': '10' }).write('{');
      setImmediate(() => response.destroy());
    };
    await assert.rejects(post({ mostOctets: 100 }), /aborted|ended|hang up/);
  });

  test('whose certificate nobody vouches for is not told anything', async () => {
    const count = receiver.received.length;
    const stranger = new WebhookClient({ allowNetworks: ['127.0.0.0/8'], allowHttp: false });
    const asked = stranger.post({ url: receiver.url(), headers: {}, body: '{}', timeout: 5000 });
    await assert.rejects(asked, { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    assert.equal(receiver.received.length, count);
  });

  test('whose name cannot be resolved, or that is not there, is an error', async () => {
    const gone = { headers: {}, body: '', timeout: 2000 };
    const unresolved = new WebhookClient({
      ...nothingAllowed,
      resolve: () => Promise.reject(new Error('no such name')),
    });
    await assert.rejects(unresolved.post({ url: 'https://a.example/', ...gone }), /no such name/);
    await assert.rejects(client.post({ url: 'https://127.0.0.1:1/', ...gone }), {
      code: 'ECONNREFUSED',
    });
  });
});
