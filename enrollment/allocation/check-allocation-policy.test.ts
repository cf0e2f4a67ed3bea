import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AllocationPolicy, OwnPlacement, RegionPolicy } from './allocation-policy.ts';
import { problemsOf } from './check-allocation-policy.ts';

const fixed: OwnPlacement = { allocate: 'fixed', endpoints: ['mqtts://a.example:8883'] };
const broker = (id: string, weight = 1, endpoints = [`mqtts://${id}.example`]) => ({
  id,
  weight,
  endpoints,
});
const weighted = (...brokers: ReturnType<typeof broker>[]) =>
  ({ allocate: 'weighted', brokers }) as const;
const many = (count: number) => Array.from({ length: count }, (_, i) => `mqtts://m${i}.example`);
const regional = (changes: Partial<RegionPolicy> = {}): RegionPolicy => ({
  allocate: 'region',
  regionFrom: [{ from: 'registry' }],
  regions: { eu: fixed, us: weighted(broker('a'), broker('b', 0)) },
  ...changes,
});
const from = (...regionFrom: RegionPolicy['regionFrom']) => regional({ regionFrom });

const webhook = (id: string, otherwise: OwnPlacement | 'refuse') =>
  ({ allocate: 'webhook', webhook: id, otherwise }) as const;

const good: AllocationPolicy[] = [
  webhook('inventory', 'refuse'),
  { ...webhook('inventory', fixed), quarantine: ['mqtts://q.example'] },
  regional({ otherwise: webhook('inventory', { allocate: 'tenant' }) }),
  { allocate: 'tenant' },
  fixed,
  { ...fixed, quarantine: ['mqtts://q.example'] },
  { allocate: 'failover', endpoints: many(16) },
  { ...weighted(broker('a'), broker('b', 0.25), broker('c', 0)), alternatives: 2 },
  regional({ otherwise: { allocate: 'tenant' } }),
  from(
    { from: 'registry' },
    { from: 'label', regions: { sensors: 'eu' } },
    { from: 'certificate', field: 'countryName', regions: { DE: 'eu', 'any text': 'us' } },
    { from: 'network', networks: { '0.0.0.0/0': 'eu', '2001:db8::/64': 'us', '::/0': 'eu' } },
  ),
];
for (const [i, policy] of good.entries())
  test(`nothing is wrong with policy ${i}: ${policy.allocate}`, () => {
    assert.deepEqual(problemsOf(policy), []);
  });

const wrong: [what: string, policy: AllocationPolicy, path: string, says: RegExp][] = [
  ['a bad id of a webhook', webhook('In Ventory', 'refuse'), 'webhook', /cannot be the id/],
  [
    'a bad fallback of a webhook',
    regional({ otherwise: webhook('a', { allocate: 'fixed', endpoints: [] }) }),
    'otherwise.otherwise.endpoints',
    /at least one/,
  ],
  ['no endpoint', { allocate: 'fixed', endpoints: [] }, 'endpoints', /at least one/],
  ['no URI', { allocate: 'fixed', endpoints: ['broker'] }, 'endpoints.0', /not an endpoint/],
  [
    'a password in an endpoint',
    { ...fixed, quarantine: ['mqtts://u:p@a.example'] },
    'quarantine.0',
    /no user name/,
  ],
  [
    'an endpoint twice',
    { allocate: 'failover', endpoints: ['wss://a.example', 'wss://a.example'] },
    'endpoints',
    /twice/,
  ],
  ['too many endpoints', { allocate: 'failover', endpoints: many(17) }, 'endpoints', /at most 16/],
  ['no broker', weighted(), 'brokers', /weight above 0/],
  ['no weight', weighted(broker('a', 0)), 'brokers', /weight above 0/],
  ['a negative weight', weighted(broker('a'), broker('b', -1)), 'brokers.1.weight', /a weight is/],
  ['a weight of NaN', weighted(broker('a'), broker('b', Number.NaN)), 'brokers.1.weight', /weight/],
  ['a broker twice', weighted(broker('a'), broker('a', 1, many(1))), 'brokers', /id stands twice/],
  [
    'two brokers at one address',
    weighted(broker('a'), broker('b', 1, ['mqtts://a.example'])),
    'brokers',
    /two brokers/,
  ],
  ['an id with a NUL', weighted(broker('a\0b', 1, many(1))), 'brokers.0.id', /letters, digits/],
  [
    'too many alternatives',
    { ...weighted(broker('a'), broker('b')), alternatives: 2 },
    'alternatives',
    /not that many/,
  ],
  [
    'alternatives with too many endpoints',
    {
      ...weighted(broker('a', 1, many(9)), broker('b', 1, many(18).slice(9))),
      alternatives: 1,
    },
    'alternatives',
    /18 endpoints/,
  ],
  ['no region', regional({ regions: {} }), 'regions', /at least one/],
  [
    'a region of blanks',
    regional({ regions: { 'e u': fixed } }),
    'regions.e u',
    /cannot be a region/,
  ],
  [
    'a problem within a region',
    regional({ regions: { eu: weighted() } }),
    'regions.eu.brokers',
    /weight above/,
  ],
  [
    'a problem in what else there is',
    regional({ otherwise: { allocate: 'fixed', endpoints: [] } }),
    'otherwise.endpoints',
    /at least one/,
  ],
  ['no source', from(), 'regionFrom', /say where/],
  ['a source twice', from({ from: 'registry' }, { from: 'registry' }), 'regionFrom', /twice/],
  [
    'an unknown region of a label',
    from({ from: 'label', regions: { sensors: 'mars' } }),
    'regionFrom.0.regions.sensors',
    /none of the policy's regions/,
  ],
  [
    'a region inherited from Object.prototype',
    from({ from: 'label', regions: { sensors: 'toString' } }),
    'regionFrom.0.regions.sensors',
    /none of the policy's regions/,
  ],
  [
    'a label that is an operation',
    from({ from: 'label', regions: { cacerts: 'eu' } }),
    'regionFrom.0.regions.cacerts',
    /cannot be a label/,
  ],
  ['no networks', from({ from: 'network', networks: {} }), 'regionFrom.0.networks', /says nothing/],
  ...[
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0/8',
    '10.0.0.0/08',
    '10.0.0.0/8/8',
    'x/8',
    '::/129',
    'fe80::1%eth0/64',
    '10.0.0.0/',
  ].map((cidr): [string, AllocationPolicy, string, RegExp] => [
    `the network ${cidr}`,
    from({ from: 'network', networks: { [cidr]: 'eu' } }),
    `regionFrom.0.networks.${cidr}`,
    /is no network/,
  ]),
  [
    'an IPv6 network smaller than a /64',
    from({ from: 'network', networks: { '2001:db8::/65': 'eu' } }),
    'regionFrom.0.networks.2001:db8::/65',
    /at most 64/,
  ],
];
for (const [what, policy, path, says] of wrong)
  test(`refused: ${what}`, () => {
    const problem = problemsOf(policy).find((each) => each.path === path);
    assert.match(problem?.says ?? '', says, JSON.stringify(problemsOf(policy)));
  });
