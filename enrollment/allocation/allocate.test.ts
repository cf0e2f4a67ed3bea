import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { encodeName } from '../../ca/distinguished-name.ts';
import { defaultSettings } from '../group-settings.ts';
import {
  type AllocationCase,
  type AllocationRules,
  allocate,
  readyPolicy,
  webhookToAsk,
} from './allocate.ts';
import type {
  AllocationPolicy,
  OwnPlacement,
  RegionPolicy,
  RegionSource,
} from './allocation-policy.ts';

const tenant = { id: 'acme', endpoints: ['mqtts://acme.example'], suspended: false };
const group = { label: 'sensors', tenant: 'acme', settings: defaultSettings };

function caseOf(
  changes: Partial<Omit<AllocationCase, 'device'>> & {
    device?: Partial<AllocationCase['device']>;
  } = {},
): AllocationCase {
  const device = {
    id: 'device-1',
    tenant: 'acme',
    group: 'sensors',
    names: [],
    status: 'active',
    role: 'device',
    ...changes.device,
  } as const;
  return { tenant, group, ...changes, device };
}

const rulesOf = (policy?: AllocationPolicy, ...down: string[]): AllocationRules => ({
  policies: new Map(policy ? ['sensors', 'cn'].map((label) => [label, readyPolicy(policy)]) : []),
  down: new Set(down),
});

const fixed = (endpoint: string) => ({ allocate: 'fixed', endpoints: [endpoint] }) as const;
const regions = { eu: fixed('mqtts://eu'), us: fixed('mqtts://us'), cn: fixed('mqtts://cn') };
const regional = (...regionFrom: RegionSource[]): RegionPolicy => ({
  allocate: 'region',
  regionFrom,
  regions,
});
const registry: RegionSource = { from: 'registry' };
const network: RegionSource = {
  from: 'network',
  networks: {
    '10.0.0.0/8': 'eu',
    '10.1.0.0/16': 'us',
    '10.1.2.3/32': 'cn',
    '2001:db8::/32': 'us',
    '2001:db8:0:7::/64': 'cn',
  },
};
const country: RegionSource = {
  from: 'certificate',
  field: 'countryName',
  regions: { DE: 'eu', US: 'us' },
};
const subject = (...pairs: [string, string][]) =>
  encodeName(pairs.map(([type, text]) => ({ type, text })));
const german = subject(['countryName', 'DE'], ['commonName', 'x']);

describe('endpoints of a group', () => {
  test('without a policy they are the tenant’s', () => {
    assert.deepEqual(allocate(caseOf(), rulesOf()), {
      endpoints: ['mqtts://acme.example'],
      quarantined: false,
    });
  });

  test('the policy of another group is not asked', () => {
    const rules = { ...rulesOf(), policies: new Map([['other', readyPolicy(fixed('mqtts://x'))]]) };
    assert.deepEqual(allocate(caseOf(), rules).endpoints, tenant.endpoints);
  });

  test('fixed: as they stand, whatever is marked', () => {
    const endpoints = ['mqtts://a', 'mqtts://b'];
    const rules = rulesOf({ allocate: 'fixed', endpoints }, 'mqtts://a');
    assert.deepEqual(allocate(caseOf(), rules).endpoints, endpoints);
  });

  const failovers: [down: string[], order: string][] = [
    [[], 'a b c'],
    [['a'], 'b c a'],
    [['a', 'b'], 'c a b'],
    [['c'], 'a b c'],
    [['a', 'b', 'c'], 'a b c'],
    [['x'], 'a b c'],
  ];
  for (const [down, order] of failovers)
    test(`failover with ${down.join(', ') || 'none'} down`, () => {
      const policy = { allocate: 'failover', endpoints: ['a', 'b', 'c'] } as const;
      assert.equal(allocate(caseOf(), rulesOf(policy, ...down)).endpoints.join(' '), order);
    });

  test('weighted: the broker is named', () => {
    const brokers = [{ id: 'b1', weight: 1, endpoints: ['mqtts://b1'] }];
    const { endpoints, broker } = allocate(caseOf(), rulesOf({ allocate: 'weighted', brokers }));
    assert.deepEqual({ endpoints, broker }, { endpoints: ['mqtts://b1'], broker: 'b1' });
  });
});

describe('the region of a device', () => {
  const found: [what: string, sources: RegionSource[], of: AllocationCase, region: string][] = [
    ['from the registry', [registry], caseOf({ device: { region: 'us' } }), 'us'],
    [
      'from its group',
      [{ from: 'label', regions: { sensors: 'eu', others: 'us' } }],
      caseOf(),
      'eu',
    ],
    [
      'from its group, named like it',
      [{ from: 'label' }],
      caseOf({ group: { ...group, label: 'cn' } }),
      'cn',
    ],
    ['from its factory certificate', [country], caseOf({ factorySubject: german }), 'eu'],
    [
      'from a field that holds the region itself',
      [{ from: 'certificate', field: 'organizationalUnitName' }],
      caseOf({ factorySubject: subject(['organizationalUnitName', 'us']) }),
      'us',
    ],
    ['from the network', [network], caseOf({ source: '10.200.0.1' }), 'eu'],
    ['from the smaller network', [network], caseOf({ source: '10.1.0.1' }), 'us'],
    ['from the smallest network', [network], caseOf({ source: '10.1.2.3' }), 'cn'],
    ['from an IPv6 network', [network], caseOf({ source: '2001:db8:1:2::/64' }), 'us'],
    ['from the /64 of an IPv6 source', [network], caseOf({ source: '2001:db8:0:7::/64' }), 'cn'],
    [
      'from the first source that knows it',
      [registry, country, network],
      caseOf({ factorySubject: german, source: '10.1.0.1' }),
      'eu',
    ],
    [
      'from the next source where the first knows none',
      [registry, country, network],
      caseOf({ factorySubject: subject(['countryName', 'FR']), source: '10.1.0.1' }),
      'us',
    ],
    [
      'from what its first certificate showed',
      [country],
      caseOf({ foundRegions: { certificate: 'us' } }),
      'us',
    ],
    [
      'from the certificate presented before what an earlier one showed',
      [country],
      caseOf({ factorySubject: german, foundRegions: { certificate: 'us' } }),
      'eu',
    ],
    [
      'from the network it called from last, where another asks in its place',
      [network],
      caseOf({ foundRegions: { network: 'us' } }),
      'us',
    ],
  ];
  for (const [what, sources, of, region] of found)
    test(what, () => {
      const allocation = allocate(of, rulesOf(regional(...sources)));
      assert.equal(allocation.region, region);
      assert.deepEqual(allocation.endpoints, [`mqtts://${region}`]);
    });

  const unknown: [what: string, sources: RegionSource[], of: AllocationCase][] = [
    ['nothing says', [registry, country, network], caseOf()],
    ['the network is none of those', [network], caseOf({ source: '192.0.2.1' })],
    ['the network is none of those of IPv6', [network], caseOf({ source: '2001:db9::/64' })],
    ['the source is no address', [network], caseOf({ source: 'unknown' })],
    [
      'it calls from elsewhere than before',
      [network],
      caseOf({ source: '192.0.2.1', foundRegions: { network: 'us' } }),
    ],
    [
      'the field says a region that is none',
      [{ from: 'certificate', field: 'commonName' }],
      caseOf({ factorySubject: subject(['commonName', 'toString']) }),
    ],
    [
      'the registry names one that the policy does not know, whatever the network says',
      [registry, network],
      caseOf({ device: { region: 'moon' }, source: '10.1.0.1' }),
    ],
  ];
  for (const [what, sources, of] of unknown) {
    test(`refused where ${what}`, () => {
      assert.throws(() => allocate(of, rulesOf(regional(...sources))), {
        name: 'Refusal',
        code: 'no-endpoint',
      });
    });
    test(`otherwise, where ${what}`, () => {
      const policy = { ...regional(...sources), otherwise: { allocate: 'tenant' } as const };
      const { endpoints, region } = allocate(of, rulesOf(policy));
      assert.deepEqual({ endpoints, region }, { endpoints: tenant.endpoints, region: undefined });
    });
  }

  test('a name of Object.prototype in a certificate is no region, and nothing of it is kept', () => {
    const source: RegionSource = { from: 'certificate', field: 'commonName', regions: { x: 'eu' } };
    const of = caseOf({ factorySubject: subject(['commonName', 'constructor']) });
    const policy = { ...regional(source), otherwise: { allocate: 'tenant' } as const };
    assert.deepEqual(allocate(of, rulesOf(policy)), {
      endpoints: tenant.endpoints,
      quarantined: false,
    });
  });

  test('what the request showed is kept, and the registry’s region is not', () => {
    const of = caseOf({ device: { region: 'cn' }, factorySubject: german, source: '10.1.0.1' });
    const allocation = allocate(of, rulesOf(regional(registry, country, network)));
    assert.equal(allocation.region, 'cn');
    assert.deepEqual(allocation.foundRegions, { certificate: 'eu', network: 'us' });
  });

  test('what was found stays through policies that do not ask for it, but for the network', () => {
    const foundRegions = { certificate: 'eu', network: 'us' };
    const here = allocate(caseOf({ foundRegions, source: '192.0.2.1' }), rulesOf());
    assert.deepEqual(here.foundRegions, { certificate: 'eu' });
    const relayed = allocate(caseOf({ foundRegions }), rulesOf());
    assert.deepEqual(relayed.foundRegions, foundRegions);
  });
});

describe('quarantine', () => {
  const device = { quarantined: true };
  const held = { ...tenant, quarantine: ['mqtts://tenant-quarantine'] };
  const policy: AllocationPolicy = { ...fixed('mqtts://a'), quarantine: ['mqtts://quarantine'] };

  test('the group’s endpoints for it', () => {
    const allocation = allocate(caseOf({ device, tenant: held }), rulesOf(policy));
    assert.deepEqual(allocation, { endpoints: ['mqtts://quarantine'], quarantined: true });
  });

  test('else the tenant’s', () => {
    const { endpoints } = allocate(caseOf({ device, tenant: held }), rulesOf(fixed('mqtts://a')));
    assert.deepEqual(endpoints, ['mqtts://tenant-quarantine']);
  });

  test('else a refusal that says so', () => {
    assert.throws(() => allocate(caseOf({ device }), rulesOf(fixed('mqtts://a'))), {
      code: 'device-quarantined',
      message: /device-1 is in quarantine/,
    });
  });

  test('others do not get them', () => {
    const { endpoints } = allocate(caseOf({ tenant: held }), rulesOf(policy));
    assert.deepEqual(endpoints, ['mqtts://a']);
  });
});

describe('a webhook that names the endpoints', () => {
  const asking = (otherwise: 'refuse' | OwnPlacement) =>
    ({ allocate: 'webhook', webhook: 'inventory', otherwise }) as const;

  test('is named, and nothing stands in its place', () => {
    assert.deepEqual(allocate(caseOf(), rulesOf(asking('refuse'))), {
      endpoints: [],
      ask: { webhook: 'inventory' },
      quarantined: false,
    });
  });

  test('is asked for the regions that it stands for', () => {
    const policy = { ...regional(registry), otherwise: asking('refuse') };
    const rules = rulesOf({ ...policy, regions: { ...regions, us: asking(fixed('mqtts://x')) } });
    const askedFor = (region: string) => webhookToAsk(caseOf({ device: { region } }), rules);
    assert.equal(askedFor('eu'), undefined);
    assert.deepEqual(askedFor('us'), {
      webhook: 'inventory',
      region: 'us',
      otherwise: { endpoints: ['mqtts://x'] },
    });
    assert.deepEqual(askedFor('moon'), { webhook: 'inventory' });
  });

  test('is not asked about a device in quarantine', () => {
    const rules = rulesOf({ ...asking('refuse'), quarantine: ['mqtts://q'] });
    const device = { quarantined: true };
    assert.equal(webhookToAsk(caseOf({ device }), rules), undefined);
    assert.deepEqual(allocate(caseOf({ device }), rules).endpoints, ['mqtts://q']);
    assert.throws(() => webhookToAsk(caseOf({ device }), rulesOf(asking('refuse'))), {
      code: 'device-quarantined',
    });
  });

  test('what counts without it is what that would give by itself', () => {
    const endpoint = fc.constantFrom('mqtts://a', 'mqtts://b', 'mqtts://c');
    const endpoints = fc.uniqueArray(endpoint, { minLength: 1 });
    const weight = fc.double({ min: 0.1, max: 9, noNaN: true });
    const brokers = fc
      .uniqueArray(fc.tuple(endpoint, weight), { selector: ([uri]) => uri, minLength: 1 })
      .map((list) =>
        list.map(([uri, each]) => ({ id: uri.slice(-1), weight: each, endpoints: [uri] })),
      );
    const own: fc.Arbitrary<OwnPlacement> = fc.oneof(
      fc.constant({ allocate: 'tenant' } as const),
      fc.record({ allocate: fc.constantFrom('fixed', 'failover'), endpoints }),
      fc.record({ allocate: fc.constant('weighted' as const), brokers }),
    );
    fc.assert(
      fc.property(own, fc.uniqueArray(endpoint), fc.nat(), (otherwise, down, number) => {
        const of = caseOf({ device: { id: `device-${number}` } });
        const alone = allocate(of, rulesOf(otherwise, ...down));
        const { otherwise: counts } =
          webhookToAsk(of, rulesOf(asking(otherwise), ...down)) ?? assert.fail();
        const { endpoints: gives, broker } = alone;
        assert.deepEqual(counts, { endpoints: gives, ...(broker === undefined ? {} : { broker }) });
      }),
    );
  });
});
