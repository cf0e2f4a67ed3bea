/**
 * Where devices go: an operator divides a group over regions and brokers, asks the simulator, and devices that enroll land
 * where it said; one that moves, or is put into quarantine, gets other endpoints with its next certificate.
 */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readCertificate } from '../../ca/certificate.ts';
import { defaultEndpointArc, endpointsIn } from '../../ca/extensions/upstream-endpoints.ts';
import { BestowServer } from '../support/bestow.ts';
import { certificateOf, type DeviceKey, makeKey, post } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';
import { enlist } from '../support/registry.ts';

const timeout = 60_000;
const server = await BestowServer.start();
const directory = mkdtempSync(join(tmpdir(), 'bestow-allocation-'));
after(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

const write = (name: string, text: string) => {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
};
const policy = (euBrokers: string[]) => `
allocate: region
regionFrom:
  - from: registry
  - from: network
    networks: { 127.0.0.0/8: home, '::1/64': home }
regions:
  eu:
    allocate: weighted
    brokers:
${euBrokers.map((line) => `      - ${line}`).join('\n')}
  us: { allocate: failover, endpoints: [mqtts://us-1.example, mqtts://us-2.example] }
  home: { allocate: fixed, endpoints: [mqtts://home.example] }
`;
const euBrokers = [
  '{ id: eu-1, weight: 1, endpoints: [mqtts://eu-1.example] }',
  '{ id: eu-2, weight: 3, endpoints: [mqtts://eu-2.example, wss://eu-2.example] }',
];

interface Enrolled {
  readonly key: DeviceKey;
  /** PEM. */
  readonly certificate: string;
}

const endpointsOf = ({ certificate }: Pick<Enrolled, 'certificate'>) =>
  endpointsIn(readCertificate(new X509Certificate(certificate).raw), defaultEndpointArc);

async function enroll(device: string, password: string): Promise<Enrolled> {
  const key = makeKey();
  const answer = await post(
    `${server.est}/simpleenroll`,
    server.root,
    key.request(`/CN=${device}`),
    {
      user: device,
      password,
    },
  );
  assert.equal(answer.status, 200, answer.body);
  return { key, certificate: certificateOf(answer) };
}

/** With a new key each time, so that no answer is an earlier one again. */
const renewing = (device: string, { key, certificate }: Enrolled, next = makeKey()) =>
  post(`${server.est}/simplereenroll`, server.root, next.request(`/CN=${device}`), {
    certificate,
    key: key.key,
  }).then((answer) => ({ answer, key: next }));

async function renew(device: string, enrolled: Enrolled): Promise<Enrolled> {
  const { answer, key } = await renewing(device, enrolled);
  assert.equal(answer.status, 200, answer.body);
  return { key, certificate: certificateOf(answer) };
}

interface Simulation {
  readonly devices: number;
  readonly moved?: number;
  readonly shares: {
    region?: string;
    broker?: string;
    endpoint?: string;
    refused?: true;
    devices: number;
    share: number;
  }[];
}
const simulate = (...args: string[]) => server.json<Simulation>('allocate', '--dry-run', ...args);
const show = (id: string) =>
  server.json<{ endpoints: string[]; lastEndpoints?: string[]; refusal?: string }>(
    'device',
    'show',
    id,
  );

const devices = {
  'pump-1': { group: 'pumps', region: 'eu' },
  'pump-2': { group: 'pumps', region: 'eu' },
  'pump-3': { group: 'pumps', region: 'eu' },
  'pump-4': { group: 'pumps', region: 'us' },
  'pump-5': { group: 'pumps' },
  'pump-6': { group: 'pumps', region: 'moon' },
} as const;
type Pump = keyof typeof devices;
const enrolled = new Map<Pump, Enrolled>();
let passwords: Record<Pump, string>;
const held = (pump: Pump) => {
  const has = enrolled.get(pump);
  assert.ok(has, pump);
  return has;
};

test('a policy is set, and shown as it was set', { timeout }, async () => {
  await server.json('group', 'add', 'pumps', '--tenant', 'default');
  const before = await server.cli('allocation', 'show', 'pumps');
  assert.match(before.stdout, /as usual\nallocate: tenant/);
  passwords = await enlist(server, devices);
  const file = write('policy.yaml', policy(euBrokers));
  const preview = await simulate('--group', 'pumps', '--policy', file);
  assert.equal(preview.moved, 6, 'all but for the policy would go to the tenant');
  await server.json('allocation', 'set', 'pumps', file);
  const shown = await server.cli('allocation', 'show', 'pumps');
  assert.match(shown.stdout, /# set by operator:.*\nallocate: region\n/);
  const again = write('again.yaml', shown.stdout);
  assert.equal((await server.cli('allocation', 'set', 'pumps', again)).exitCode, 0);
});

test('devices land where the simulator said', { timeout }, async () => {
  const each = join(directory, 'each.csv');
  const { devices: count, shares } = await simulate('--group', 'pumps', '--each', each);
  assert.equal(count, 6);
  assert.equal(shares.find(({ endpoint }) => endpoint === 'mqtts://us-1.example')?.devices, 1);
  // Of pump-5 nothing says where it is before it calls; of pump-6 the registry says what the policy does not know.
  assert.equal(shares.find(({ refused }) => refused)?.devices, 2);
  const said = new Map(
    readFileSync(each, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(','))
      .map(([id, , , , endpoints = '']) => [id, endpoints]),
  );
  // The first second of the policy may have passed unseen.
  await eventually(async () => {
    const refused = await post(
      `${server.est}/simpleenroll`,
      server.root,
      makeKey().request('/CN=pump-6'),
      { user: 'pump-6', password: passwords['pump-6'] },
    );
    assert.equal(refused.status, 403, refused.body);
    assert.match(refused.body, /pump-6 is of region moon, for which the group pumps has no endp/);
    return true;
  });
  for (const pump of ['pump-1', 'pump-2', 'pump-3', 'pump-4'] as const) {
    enrolled.set(pump, await enroll(pump, passwords[pump]));
    assert.equal(endpointsOf(held(pump)).join(' '), said.get(pump), pump);
  }
  enrolled.set('pump-5', await enroll('pump-5', passwords['pump-5']));
  assert.deepEqual(endpointsOf(held('pump-5')), ['mqtts://home.example'], 'by its network');
  const { endpoints, lastEndpoints } = await show('pump-5');
  assert.deepEqual(endpoints, ['mqtts://home.example'], 'the network of its last call is known');
  assert.deepEqual(lastEndpoints, ['mqtts://home.example']);
});

test('the load divides by weight, for devices that nobody has registered', {
  timeout,
}, async () => {
  const rows = Array.from({ length: 2000 }, (_, i) => `gauge-${i},eu,Werk ${i % 7}`);
  const list = write('gauges.csv', `id,region,site\n${rows.join('\n')}\n`);
  const { devices: count, shares } = await simulate(list, '--group', 'pumps');
  assert.equal(count, 2000);
  assert.deepEqual(
    shares.map(({ broker }) => broker),
    ['eu-2', 'eu-1'],
  );
  for (const { broker, share } of shares)
    assert.ok(Math.abs(share - (broker === 'eu-2' ? 0.75 : 0.25)) < 0.06, `${broker} ${share}`);
  const more = write(
    'more.yaml',
    policy([...euBrokers, '{ id: eu-3, weight: 4, endpoints: [mqtts://eu-3.example] }']),
  );
  const then = await simulate(list, '--group', 'pumps', '--policy', more);
  const added = then.shares.find(({ broker }) => broker === 'eu-3')?.devices;
  assert.equal(then.moved, added, 'who moves, moves to the new broker');
  assert.ok(Math.abs((added ?? 0) / 2000 - 0.5) < 0.06);
  const table = await server.cli('allocate', '--dry-run', list, '--group', 'pumps');
  assert.match(table.stdout, /eu +eu-2 +mqtts:\/\/eu-2\.example +\d+ +7\d\.\d %/);
});

test('a list that cannot be read is refused with its line', { timeout }, async () => {
  const lists = [
    ['name,region\nx,eu\n', /no column `id`/],
    ['id,region\ngood,eu\n\nb:d,eu\nfine,eu\n', /Line 4: "b:d" cannot be a device id/],
    ['id\n"x\n', /bad-2\.csv/],
  ] as const;
  const results = lists.map(async ([text, says], i) => {
    const list = write(`bad-${i}.csv`, text);
    const result = await server.cli('allocate', '--dry-run', list, '--group', 'pumps');
    assert.equal(result.exitCode, 2, text);
    assert.match(result.stderr, says);
  });
  await Promise.all(results);
});

test('a device that moves is sent elsewhere by its renewal', { timeout }, async () => {
  const drift = () =>
    server.json<{ device: string; got: string[]; should?: string[] }[]>('allocation', 'drift');
  assert.deepEqual(await drift(), []);
  const got = endpointsOf(held('pump-1'));
  await server.json('device', 'set', 'pump-1', '--region', 'us');
  const should = ['mqtts://us-1.example', 'mqtts://us-2.example'];
  assert.deepEqual(
    (await drift()).map(({ device, got: has, should: gets }) => ({
      device,
      got: has,
      should: gets,
    })),
    [{ device: 'pump-1', got, should }],
  );
  const { endpoints, lastEndpoints } = await show('pump-1');
  assert.deepEqual({ endpoints, lastEndpoints }, { endpoints: should, lastEndpoints: got });
  enrolled.set('pump-1', await renew('pump-1', held('pump-1')));
  assert.deepEqual(endpointsOf(held('pump-1')), should);
  assert.deepEqual(await drift(), []);
});

test('an endpoint that is marked down comes last, until it is up', { timeout }, async () => {
  await server.json('allocation', 'mark', 'mqtts://us-1.example', 'down');
  const marked = await server.json<{ endpoint: string }[]>('allocation', 'marks');
  assert.deepEqual(
    marked.map(({ endpoint }) => endpoint),
    ['mqtts://us-1.example'],
  );
  await eventually(async () => {
    enrolled.set('pump-4', await renew('pump-4', held('pump-4')));
    return endpointsOf(held('pump-4'))[0] === 'mqtts://us-2.example';
  });
  assert.equal(endpointsOf(held('pump-4'))[1], 'mqtts://us-1.example');
  await server.json('allocation', 'mark', 'mqtts://us-1.example', 'up');
  await eventually(async () => {
    enrolled.set('pump-4', await renew('pump-4', held('pump-4')));
    return endpointsOf(held('pump-4'))[0] === 'mqtts://us-1.example';
  });
});

test('quarantine: refused where nothing is set for it, else sent there', { timeout }, async () => {
  const said = await server.cli('device', 'quarantine', 'pump-2');
  assert.match(said.stdout, /gets no certificate any more/);
  const { answer } = await renewing('pump-2', held('pump-2'));
  assert.equal(answer.status, 403);
  assert.match(answer.body, /pump-2 is in quarantine/);
  assert.match((await show('pump-2')).refusal ?? '', /quarantine/);

  await server.json('tenant', 'set-quarantine', 'default', 'mqtts://jail.example');
  enrolled.set('pump-2', await renew('pump-2', held('pump-2')));
  assert.deepEqual(endpointsOf(held('pump-2')), ['mqtts://jail.example']);
  const free = await renew('pump-3', held('pump-3'));
  assert.notDeepEqual(endpointsOf(free), ['mqtts://jail.example']);

  await server.json('device', 'release', 'pump-2');
  enrolled.set('pump-2', await renew('pump-2', held('pump-2')));
  assert.match(endpointsOf(held('pump-2')).join(' '), /eu-[12]/);
});

test('all that is wrong with a policy is named, and nothing of it is set', {
  timeout,
}, async () => {
  const wrong = policy(['{ id: eu 1, weight: -1, endpoints: [eu-1.example] }']);
  const result = await server.cli('allocation', 'set', 'pumps', write('wrong.yaml', wrong));
  assert.equal(result.exitCode, 2);
  for (const says of ['brokers.0.id', 'brokers.0.weight', 'brokers.0.endpoints.0'])
    assert.ok(result.stderr.includes(`regions.eu.${says}`), says);
  const unknown = write('unknown.yaml', 'allocate: fixed\nendpoint: [mqtts://a.example]\n');
  assert.equal((await server.cli('allocation', 'set', 'pumps', unknown)).exitCode, 2);
  assert.match((await server.cli('allocation', 'show', 'pumps')).stdout, /eu-2/);
});

test('policies by options, and back to the usual', { timeout }, async () => {
  const brokers = [
    '--broker',
    'a=1,mqtts://a.example,wss://a.example',
    '--broker',
    'b=2.5,mqtts://b.example',
  ];
  await server.json(
    'allocation',
    'set',
    'pumps',
    '--policy',
    'weighted',
    ...brokers,
    '--alternatives',
    '1',
  );
  const { policy: set } = await server.json<{ policy: unknown }>('allocation', 'show', 'pumps');
  assert.deepEqual(set, {
    allocate: 'weighted',
    brokers: [
      { id: 'a', weight: 1, endpoints: ['mqtts://a.example', 'wss://a.example'] },
      { id: 'b', weight: 2.5, endpoints: ['mqtts://b.example'] },
    ],
    alternatives: 1,
  });
  await server.json('allocation', 'reset', 'pumps');
  await eventually(async () => {
    enrolled.set('pump-5', await renew('pump-5', held('pump-5')));
    return endpointsOf(held('pump-5'))[0] === 'mqtts://broker.example:8883';
  });
});
