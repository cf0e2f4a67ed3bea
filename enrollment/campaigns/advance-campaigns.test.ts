/**
 * Campaigns as they go on: over the real stores, with certificates of a CA, and with whatever operators do meanwhile.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { CertificateAuthority } from '../../ca/certificate-authority.ts';
import { encodeSubject } from '../../ca/distinguished-name.ts';
import { defaultEndpointArc } from '../../ca/extensions/upstream-endpoints.ts';
import type { OpenStores } from '../../storage/stores.ts';
import { openFreshStores } from '../../test/support/fresh-stores.ts';
import { makePlan, makePublicKey, makeSoftwareCa } from '../../test/support/software-ca.ts';
import { type AllocationRules, noRules, readyPolicy } from '../allocation/allocate.ts';
import type { AllocationPolicy } from '../allocation/allocation-policy.ts';
import { type AdvanceParts, advanceCampaigns } from './advance-campaigns.ts';
import type { MemberState } from './campaign.ts';

let stores: OpenStores;
let parts: AdvanceParts;
let authority: CertificateAuthority;
let counter = 0;
const fresh = (prefix: string) => `${prefix}-${++counter}`;
/** Certificates are issued by the clock, so campaigns begin then. */
const begun = Date.now();
const at = (seconds: number) => new Date(begun + seconds * 1000);

before(async () => {
  stores = await openFreshStores();
  const { issuing: issuer, signer } = await makeSoftwareCa();
  const { ledger, devices, campaignTurns: turns } = stores;
  authority = new CertificateAuthority({ issuer, signer, ledger, serialPrefix: 1 });
  parts = { turns, devices, ledger, endpointArc: defaultEndpointArc };
});
after(() => stores.close());

const fixed = (endpoint: string) => ({ allocate: 'fixed', endpoints: [endpoint] }) as const;
const policy: AllocationPolicy = {
  allocate: 'region',
  regionFrom: [{ from: 'registry' }],
  regions: {
    a: fixed('mqtts://a.example'),
    b: fixed('mqtts://b.example'),
    w: { allocate: 'webhook', webhook: 'inventory', otherwise: 'refuse' },
  },
};
const rules: AllocationRules = {
  ...noRules,
  policies: new Map([['acme', readyPolicy(policy)]]),
};
const advance = (seconds: number) => advanceCampaigns(parts, rules, at(seconds));

async function addDevice(region: string): Promise<string> {
  const id = fresh('device');
  await stores.devices.add({ id, tenant: 'acme', names: [], region }, 'test', at(-1));
  return id;
}

async function issue(device: string, ...endpoints: string[]): Promise<void> {
  const subject = encodeSubject({ commonName: device });
  await authority.issue(
    makePlan({
      ...{ subscriber: device, subject, endpoints, publicKey: makePublicKey() },
      credential: { kind: 'operator', id: fresh('order') },
    }),
  );
}

async function begin(devices: string[], region = 'b', pace = { devices: 1, seconds: 10 }) {
  const name = fresh('campaign');
  const made = await stores.campaigns.create(
    { name, change: { region }, pace },
    devices,
    'ann',
    at(0),
  );
  assert.equal(made.kind, 'created');
  return name;
}

const statesOf = async (name: string) =>
  (await stores.campaigns.members(name, { limit: 99 })).map(({ state }) => state).join(' ');
const regionOf = async (id: string) => (await stores.devices.find(id))?.device.region;
const order = (name: string, what: 'pause' | 'resume' | 'finish' | 'roll-back', seconds = 0) =>
  stores.campaigns.order(name, what, 'ann', at(seconds));

describe('a campaign', () => {
  test('releases one after the other, and is done when all have moved', async () => {
    const devices = [await addDevice('a'), await addDevice('a')] as const;
    const name = await begin([...devices]);
    await advance(0);
    assert.equal(await statesOf(name), 'released planned');
    await advance(9);
    assert.equal(await statesOf(name), 'released planned', 'ten seconds have not passed');
    await issue(devices[0], 'mqtts://b.example');
    await advance(10);
    assert.equal(await statesOf(name), 'moved released');
    await issue(devices[1], 'mqtts://b.example');
    await advance(11);
    assert.equal(await statesOf(name), 'moved moved');
    assert.equal((await stores.campaigns.find(name))?.state, 'finished');
  });

  test('a certificate that does not say the new place is none that has moved', async () => {
    const device = await addDevice('a');
    const name = await begin([device]);
    await advance(0);
    await issue(device, 'mqtts://a.example');
    await advance(1);
    const [member] = await stores.campaigns.members(name, { limit: 1 });
    assert.equal(member?.state, 'released');
    assert.match(member?.reason ?? '', /says mqtts:\/\/a\.example, and .* mqtts:\/\/b\.example/);
    await issue(device, 'mqtts://b.example');
    await advance(2);
    assert.equal(await statesOf(name), 'moved');
  });

  test('who renewed without a place for endpoints has moved; who would be refused by now has not', async () => {
    const [silent, barred] = [await addDevice('a'), await addDevice('a')];
    const [name, other] = [await begin([silent]), await begin([barred], 'b')];
    await advance(0);
    await issue(silent);
    await issue(barred, 'mqtts://b.example');
    const without = { ...policy, regions: { a: fixed('mqtts://a.example') } };
    const changed = { ...noRules, policies: new Map([['acme', readyPolicy(without)]]) };
    const [member] = await stores.campaigns.members(other, { limit: 1 });
    await advanceCampaigns(parts, changed, at(1));
    assert.match(
      (await stores.campaigns.members(other, { limit: 1 }))[0]?.reason ?? '',
      /is of region b, for which/,
    );
    assert.equal(member?.state, 'released');
    await advance(100);
    assert.deepEqual([await statesOf(name), await statesOf(other)], ['moved', 'moved']);
  });

  test('who renewed and has lost its certificate since has not moved', async () => {
    const device = await addDevice('a');
    const name = await begin([device]);
    await advance(0);
    await issue(device, 'mqtts://b.example');
    const [record] = await stores.ledger.list({ subscriber: device, limit: 1 });
    const { issuer, serialNumber } = record ?? assert.fail();
    const revocation = { reason: 'superseded', at: at(0), by: 'ann' } as const;
    await stores.ledger.revoke(issuer, serialNumber, revocation);
    await advance(1);
    const [member] = await stores.campaigns.members(name, { limit: 1 });
    assert.deepEqual([member?.state, member?.reason], ['released', 'it has no valid certificate']);
    await order(name, 'finish');
  });

  test('who would be refused there is not sent there', async () => {
    const device = await addDevice('a');
    const name = await begin([device], 'moon');
    await advance(0);
    const [member] = await stores.campaigns.members(name, { limit: 1 });
    assert.equal(member?.state, 'failed');
    assert.match(member?.reason ?? '', /is of region moon, for which the group acme has no/);
    assert.equal(await regionOf(device), 'a');
  });

  test('where a webhook decides, any renewal after the release is a move', async () => {
    const device = await addDevice('a');
    const name = await begin([device], 'w');
    await advance(0);
    assert.equal(await statesOf(name), 'released');
    await issue(device, 'mqtts://whatever.example');
    await advance(1);
    assert.equal(await statesOf(name), 'moved');
  });

  test('paused, it still sees who moves', async () => {
    const [one, two] = [await addDevice('a'), await addDevice('a')];
    const name = await begin([one, two]);
    await advance(0);
    await order(name, 'pause');
    await issue(one, 'mqtts://b.example');
    await advance(100);
    assert.equal(await statesOf(name), 'moved planned');
    await order(name, 'resume', 200);
    await advance(200);
    assert.equal(await statesOf(name), 'moved released');
    await order(name, 'finish');
  });

  test('a roll-back that was cut short is carried on', async () => {
    const device = await addDevice('a');
    const name = await begin([device]);
    await advance(0);
    await order(name, 'roll-back');
    assert.equal(await regionOf(device), 'b');
    await advance(1);
    assert.equal(await regionOf(device), 'a');
    assert.equal((await stores.campaigns.find(name))?.state, 'rolled-back');
  });

  test('several processes release no more than one', async () => {
    const devices = await Promise.all(Array.from({ length: 8 }, () => addDevice('a')));
    const name = await begin(devices, 'b', { devices: 2, seconds: 1 });
    await Promise.all(Array.from({ length: 4 }, () => advance(0)));
    assert.deepEqual((await stores.campaigns.find(name))?.counts, { planned: 7, released: 1 });
    await order(name, 'finish');
  });
});

type Step =
  | { do: 'advance'; seconds: number; processes: number }
  | { do: 'order'; what: 'pause' | 'resume' | 'finish' | 'roll-back' }
  | { do: 'set'; device: number; region: string }
  | { do: 'restore' }
  | { do: 'settle'; device: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      seconds: fc.integer({ min: 1, max: 30 }),
      processes: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('order' as const),
      what: fc.constantFrom('pause', 'pause', 'resume', 'resume', 'finish', 'roll-back'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('set' as const),
      device: fc.nat(3),
      region: fc.constantFrom('a', 'b', 'c', 'd'),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'restore' } as const) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('settle' as const), device: fc.nat(3) }),
  },
);

const allEnded: readonly MemberState[] = ['restored', 'kept', 'skipped', 'failed', 'left'];

test('whatever is done in whatever order, no place is lost, and a roll-back gives it back', async () => {
  let seconds = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const devices = await Promise.all(['a', 'a', 'x', 'a'].map(addDevice));
      const formers = await Promise.all(devices.map(regionOf));
      const name = fresh('campaign');
      const pace = { devices: 1, seconds: 5 };
      const started = at(seconds);
      await stores.campaigns.create({ name, change: { region: 'b' }, pace }, devices, 'x', started);
      /** What an operator said last of each device. */
      const said = new Map<string, string>();
      let isPaused = false;

      for (const each of steps) {
        const released = await countOf(name);
        await take(each, devices, said);
        if (isPaused) assert.ok((await countOf(name)) <= released, 'released while it was paused');
        isPaused = (await stores.campaigns.find(name))?.state === 'paused';
        await requireNothingLost(name, devices, formers, said);
      }

      await order(name, 'roll-back', seconds);
      while (await stores.campaignTurns.restore(name, 2, at(seconds)));
      await requireNothingLost(name, devices, formers, said);
      assert.equal((await stores.campaigns.find(name))?.state, 'rolled-back');
      for (const [i, device] of devices.entries())
        if (!said.has(device)) assert.equal(await regionOf(device), formers[i], device);
      for (const { state } of await stores.campaigns.members(name, { limit: 9 }))
        assert.ok(allEnded.includes(state), state);

      async function take(each: Step, all: string[], operators: Map<string, string>) {
        switch (each.do) {
          case 'advance':
            seconds += each.seconds;
            await Promise.all(Array.from({ length: each.processes }, () => advanceAll(seconds)));
            return;
          case 'order':
            await order(name, each.what, seconds);
            return;
          case 'set': {
            const device = all[each.device] ?? assert.fail();
            const { region } = each;
            operators.set(device, region);
            await stores.devices.setPlace(device, { region }, 'bob', at(seconds));
            return;
          }
          case 'restore':
            await stores.campaignTurns.restore(name, 1, at(seconds));
            return;
          case 'settle': {
            const device = all[each.device] ?? assert.fail();
            await stores.campaignTurns.settle(name, [{ device, moved: true }], at(seconds));
          }
        }
      }
    }),
    { numRuns: 60 },
  );

  // Any region will do here.
  async function advanceAll(now: number): Promise<void> {
    await advanceCampaigns(parts, noRules, at(now));
  }

  async function countOf(name: string): Promise<number> {
    return (await stores.campaigns.find(name))?.counts.released ?? 0;
  }

  async function requireNothingLost(
    name: string,
    devices: readonly string[],
    formers: readonly (string | undefined)[],
    said: ReadonlyMap<string, string>,
  ): Promise<void> {
    const members = await stores.campaigns.members(name, { limit: 9 });
    for (const [i, device] of devices.entries()) {
      const former = formers[i];
      assert.deepEqual(members[i]?.former, { region: former }, 'what it was is on record');
      const region = await regionOf(device);
      const word = said.get(device);
      // What an operator says is overwritten only where it is what the campaign knew of or did itself.
      if (word !== undefined && word !== former && word !== 'b') assert.equal(region, word);
      else assert.ok(region === former || region === 'b', `${device}: ${region}`);
    }
  }
});
