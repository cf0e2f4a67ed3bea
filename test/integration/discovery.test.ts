/**
 * A server that announces itself on the loopback, heard by python-zeroconf and by `bestow discover`; and what others on the
 * network may do to it. All that uses the port of multicast DNS is in this file, so that nothing disturbs it.
 */

import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { type Answer, encode, type Packet } from 'dns-packet';
import makeMdns, { type MulticastDNS } from 'multicast-dns';
import { Announcer, type AnnouncerParts } from '../../server/discovery/announcer.ts';
import { findServers } from '../../server/discovery/find-servers.ts';
import type { FoundServer } from '../../server/discovery/heard-servers.ts';
import { linkInterfaces } from '../../server/discovery/link-interfaces.ts';
import { openMdns } from '../../server/discovery/mdns-socket.ts';
import { BestowServer, bestow } from '../support/bestow.ts';
import { makeCorporateRoot } from '../support/corporate-ca.ts';
import { call, openssl } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';
import { askLikeResolver, ServiceListener } from '../support/service-listener.ts';

const timeout = 60_000;
const discover = (...args: string[]) =>
  bestow('discover', '--interface', '127.0.0.1', '--timeout', '1s', ...args);

/** What is found as soon as anything is: packets may be late. */
function found(...args: string[]): Promise<(FoundServer & { verdict?: string })[]> {
  return eventually(async () => {
    const { stdout, stderr } = await discover('--json', ...args);
    const servers = JSON.parse(stdout || assert.fail(stderr));
    return servers.length > 0 && servers;
  });
}

const fingerprintOf = (pem: string) => {
  const digest = openssl(['dgst', '-sha256', '-binary'], openssl(['x509', '-outform', 'DER'], pem));
  return digest.toString('base64url');
};

/** The port of multicast DNS, for nobody else. */
async function holdPort(): Promise<Socket> {
  const holder = createSocket({ type: 'udp4', reuseAddr: false });
  try {
    holder.bind(5353, '0.0.0.0');
    await once(holder, 'listening');
    return holder;
  } catch (error) {
    holder.close();
    throw error;
  }
}

/** Somebody else on the network. */
async function joinNetwork(): Promise<MulticastDNS> {
  const mdns = makeMdns({ interface: '127.0.0.1', bind: '0.0.0.0' });
  await once(mdns, 'ready');
  return mdns;
}

/** Answers whoever asks for the type, with these records. */
async function pretend(type: string, answers: Parameters<MulticastDNS['respond']>[0]) {
  const mdns = await joinNetwork();
  mdns.on('query', ({ questions = [] }) => {
    if (questions.some(({ name }) => name === `${type}.local`)) mdns.respond(answers);
  });
  return { [Symbol.dispose]: () => mdns.destroy() };
}

/** What somebody else announces. */
const falseType = '_est-false._tcp';
const falseDomain = `${falseType}.local`;

const records = (name: string, port: number, txt: readonly string[]) => [
  { name: falseDomain, type: 'PTR' as const, ttl: 120, data: `${name}.${falseDomain}` },
  {
    name: `${name}.${falseDomain}`,
    type: 'SRV' as const,
    ttl: 120,
    data: { port, target: 'false.local' },
  },
  { name: `${name}.${falseDomain}`, type: 'TXT' as const, ttl: 120, data: [...txt] },
  { name: 'false.local', type: 'A' as const, ttl: 120, data: '127.0.0.1' },
];

describe('a server that announces itself', () => {
  const name = 'Halle 7 (Süd)';
  let server: BestowServer;
  let listener: ServiceListener;
  before(async () => {
    listener = await ServiceListener.start('_est._tcp');
    server = await BestowServer.start({
      configure: (config) => Object.assign(config, { discovery: { announce: true, name } }),
    });
  });
  after(async () => {
    listener.close();
    await server[Symbol.asyncDispose]();
  });

  test('is heard by another implementation', { timeout }, async () => {
    const { server: host, ...heard } = await listener.last('added', name);
    assert.match(host, /^bestow-[0-9a-f]{8}\.local\.$/);
    assert.deepEqual(heard, {
      ...{ change: 'added', name, port: server.port, addresses: ['127.0.0.1'] },
      txt: {
        ...{ v: '1', path: '/.well-known/est', host: 'localhost' },
        fp: fingerprintOf(server.root),
      },
    });
  });

  test('is found by bestow discover, and has the root that it announces', { timeout }, async () => {
    const [{ host, ...one } = assert.fail('nothing was found'), ...others] =
      await found('--verify');
    assert.deepEqual(others, []);
    assert.match(host, /^bestow-[0-9a-f]{8}\.local$/);
    assert.deepEqual(one, {
      ...{ name, port: server.port, addresses: ['127.0.0.1'], path: '/.well-known/est' },
      ...{ fingerprint: fingerprintOf(server.root), certificateHost: 'localhost' },
      ...{ interface: 'lo', verdict: 'matches' },
    });
    const { stdout } = await discover();
    assert.match(stdout, /^Halle 7 \(Süd\) +127\.0\.0\.1:\d+ /m);
    assert.match(stdout, /Anyone on the network can announce anything/);
  });

  test('answers a resolver, briefly, and not others who ask for others', { timeout }, async () => {
    const full = `${name}._est._tcp.local.`;
    const { id, questions, records } = await askLikeResolver('_est._tcp.local.');
    assert.deepEqual([id, questions], [4711, ['_est._tcp.local.']]);
    assert.deepEqual(
      records.filter(([, of]) => of === full || of === '_est._tcp.local.'),
      [
        ['DNSPointer', '_est._tcp.local.', 10, false],
        ['DNSService', full, 10, false],
        ['DNSText', full, 10, false],
      ],
    );
    await assert.rejects(askLikeResolver('_printer._tcp.local.', 1), /timed out/);
  });

  test('says so when its root changes', { timeout }, async () => {
    const former = server.root;
    await server.json('ca', 'rollover', 'start', '--root');
    await server.json('ca', 'rollover', 'activate', '--root');
    assert.notEqual(server.root, former);
    const { txt } = await listener.last('updated', name);
    assert.equal(txt.fp, fingerprintOf(server.root));
    const [one] = await found('--verify');
    assert.deepEqual([one?.fingerprint, one?.verdict], [fingerprintOf(server.root), 'matches']);
  });

  test('is told from another root announced for it, and from who relays it', {
    timeout,
  }, async () => {
    const fingerprint = fingerprintOf(server.root);
    const { body } = await call(`${server.est}/cacerts`, server.root);
    const { key, certificate: cert } = makeCorporateRoot({
      subject: '/CN=localhost',
      extensions: ['subjectAltName=DNS:localhost'],
    });
    await using relay = createServer({ key, cert }, (_, response) => response.end(body));
    relay.listen(0, '127.0.0.1');
    await once(relay, 'listening');
    const { port: relayed } = relay.address() as AddressInfo;
    const txt = (fp: string) => [`fp=${fp}`, 'host=localhost', 'path=/.well-known/est'];
    const another = Buffer.alloc(32, 7).toString('base64url');
    const announced = [
      ...records('another root', server.port, txt(another)),
      ...records('relayed', relayed, txt(fingerprint)),
      ...records('away', 1, txt(fingerprint)),
      ...records('true', server.port, txt(fingerprint)),
    ];
    using _ = await pretend(falseType, announced);
    const { exitCode, stdout } = await discover('--type', falseType, '--verify', '--json');
    assert.equal(exitCode, 1);
    const told: { name: string; verdict: string; reason?: string }[] = JSON.parse(stdout);
    const shown = Object.fromEntries(told.map((each) => [each.name, each]));
    assert.equal(shown.true?.verdict, 'matches');
    assert.equal(shown['another root']?.verdict, 'differs');
    assert.match(shown['another root']?.reason ?? '', /none of its CA certificates/);
    assert.equal(shown.relayed?.verdict, 'differs');
    assert.match(shown.relayed?.reason ?? '', /self-signed|verify/);
    assert.equal(shown.away?.verdict, 'unreachable');
  });

  test('takes leave when it ends', { timeout }, async () => {
    assert.equal(await server.stop(), 0);
    await listener.last('removed', name);
    const { exitCode, stdout } = await discover();
    assert.deepEqual([exitCode, stdout], [3, 'No server was found.\n']);
  });

  test('serves all the same where it cannot announce itself', { timeout }, async () => {
    listener.close();
    // Somebody has the port for himself alone.
    const holder = await eventually(holdPort);
    try {
      await server.start();
      await eventually(() => server.logLines({ msg: 'EST cannot be announced there' })[0]);
      assert.equal((await call(`${server.est}/cacerts`, server.root)).status, 200);
      const { exitCode, stderr } = await discover();
      assert.equal(exitCode, 7);
      assert.match(stderr, /Nothing can be heard on lo: .*EADDRINUSE/);
    } finally {
      holder.close();
    }
    assert.equal(await server.stop(), 0);
  });
});

describe('others on the network', () => {
  const type = '_est-test._tcp';
  const announcers: Announcer[] = [];
  after(() => Promise.all(announcers.map((announcer) => announcer.stop())));

  function announce(changes: Partial<AnnouncerParts> = {}) {
    const said: Record<string, unknown>[] = [];
    const say = (about: unknown, message?: unknown) =>
      void said.push({ ...(about as object), message });
    const announcer = new Announcer({
      ...{ type, name: 'Edge', interfaces: ['127.0.0.1'], certificateHost: 'localhost' },
      listening: { address: '127.0.0.1', port: 8443 },
      fingerprint: Buffer.alloc(32, 1),
      logger: { info: say, warn: say },
      ...changes,
    });
    announcers.push(announcer);
    announcer.start();
    return said;
  }
  const links = linkInterfaces(networkInterfaces(), ['127.0.0.1']);
  const names = async () => {
    const search = { type, links, milliseconds: 600, problem: assert.fail };
    return (await findServers(search)).map(({ name }) => name);
  };

  test('may have the name already', { timeout }, async () => {
    announce();
    await eventually(async () => (await names()).length === 1);
    const said = announce();
    await eventually(() => said.some(({ name }) => name === 'Edge (2)'));
    await eventually(async () => `${await names()}` === 'Edge,Edge (2)');
  });

  test('may want the same name at the same moment', { timeout }, async () => {
    for (let i = 0; i < 3; i += 1) announce({ name: 'Twin' });
    await eventually(async () => `${await names()}` === 'Edge,Edge (2),Twin,Twin (2),Twin (3)', {
      timeout: 20_000,
    });
  });

  test('cannot make it take names without end', { timeout }, async () => {
    const mdns = await joinNetwork();
    using _ = { [Symbol.dispose]: () => mdns.destroy() };
    mdns.on('query', ({ authorities = [] }) => {
      const [claimed] = authorities;
      if (claimed?.name.startsWith('Hunted'))
        mdns.respond([
          { name: claimed.name, type: 'SRV', ttl: 120, data: { port: 1, target: 'evil.local' } },
        ]);
    });
    const said = announce({ name: 'Hunted' });
    await eventually(() => said.some(({ message }) => /no name is free/.test(`${message}`)));
    assert.equal(said.filter(({ message }) => /another server/.test(`${message}`)).length, 9);
    assert.ok((await names()).every((each) => !each.startsWith('Hunted')));
  });

  test('are told of nothing that is not listened at', { timeout }, async () => {
    const said = announce({ listening: { address: '192.0.2.77', port: 1 } });
    await eventually(() =>
      said.some(({ problem }) => /listens at 192\.0\.2\.77/.test(`${problem}`)),
    );
    const absent = announce({ interfaces: ['nosuch0'] });
    await eventually(() => absent.some(({ problem }) => /no such interface/.test(`${problem}`)));
    assert.ok(said.every(({ message }) => !/is announced/.test(`${message}`)));
  });
});

describe('what somebody else announces', () => {
  test('moves no cursor', { timeout }, async () => {
    using _ = await pretend(
      falseType,
      records('a\u001b[2J\u202eb', 1, ['path=/\u001b[2J', 'fp=x\u001b', 'host=\u009b2J']),
    );
    const { stdout, exitCode } = await discover('--type', falseType);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^a\?\[2J\?b +127\.0\.0\.1:1 +\/\.well-known\/est +- +- +lo$/m);
    assert.doesNotMatch(stdout.replaceAll('\n', ''), /\p{C}/u);
  });
});

test('what comes from elsewhere, or from another port, is not heard', { timeout }, async () => {
  const heard: string[] = [];
  const link = { name: 'lo', address: '127.0.0.1', prefix: 32, addresses: [] };
  const socket = await openMdns(link, {
    query: ({ questions = [] }) => void heard.push(`query ${questions?.[0]?.name}`),
    response: ({ answers = [] }) => void heard.push(`response ${answers?.[0]?.name}`),
    problem: assert.fail,
  });
  const say = async (name: string, from: string, port: number) => {
    const sender = createSocket({ type: 'udp4', reuseAddr: true }).bind(port, from);
    await once(sender, 'listening');
    sender.setMulticastInterface('127.0.0.1');
    const question: Packet = { type: 'query', questions: [{ name, type: 'A' }] };
    const records: Answer[] = [{ name, type: 'A', data: '192.0.2.1' }];
    const answer: Packet = { type: 'response', answers: records };
    for (const packet of [question, answer])
      await new Promise((sent) => sender.send(encode(packet), 5353, '224.0.0.251', sent));
    sender.close();
  };
  await say('elsewhere.local', '127.0.0.2', 5353);
  await say('resolver.local', '127.0.0.1', 0);
  await say('neighbour.local', '127.0.0.1', 5353);
  await eventually(() => heard.includes('response neighbour.local'));
  const expected = ['query resolver.local', 'query neighbour.local', 'response neighbour.local'];
  assert.deepEqual(heard, expected);
  await socket.close();
});

test('bestow discover: what cannot be', { timeout }, async () => {
  const refused = async (said: RegExp, ...args: string[]) => {
    const { exitCode, stderr } = await bestow('discover', ...args);
    assert.equal(exitCode, 2, stderr);
    assert.match(stderr, said);
  };
  await Promise.all([
    refused(/no service type/, '--type', 'est'),
    refused(/from 1s to 1m/, '--timeout', '2m'),
    refused(/no such network interface/, '--interface', 'nosuch0'),
  ]);
});
