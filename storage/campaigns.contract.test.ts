/**
 * What every implementation owes of campaigns, run over each engine there is.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import type { Intent } from '../ca/issuance-ledger.ts';
import type { CampaignChange } from '../enrollment/campaigns/campaign.ts';
import { databaseFile, engines } from '../test/support/storage-engines.ts';
import type { OpenStores } from './stores.ts';

const limits = { perCredentialAndSource: 9, perCredential: 9, perSource: 9, windowSeconds: 60 };
const at = (seconds: number) => new Date(Date.UTC(2030, 0, 1) + seconds * 1000);
let counter = 0;
const fresh = (prefix: string) => `${prefix}-${++counter}`;
const pace = { devices: 1, seconds: 10 };

for (const [engine, open] of Object.entries(engines))
  describe(engine, () => {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-campaigns-'));
    let stores: OpenStores;
    before(async () => {
      stores = await open(directory, limits);
      await stores.tenants.add({ id: 'acme', endpoints: [], label: 'acme' }, 'test', at(-9));
    });
    after(async () => {
      await stores.close();
      rmSync(directory, { recursive: true, force: true });
    });

    const addDevice = async (region?: string, when = at(-9)) => {
      const id = fresh('device');
      const place = region === undefined ? {} : { region };
      await stores.devices.add({ id, tenant: 'acme', names: [], ...place }, 'test', when);
      return id;
    };
    const regionOf = async (id: string) => (await stores.devices.find(id))?.device.region;
    const begin = async (devices: string[], change: CampaignChange = { region: 'b' }) => {
      const name = fresh('campaign');
      const made = await stores.campaigns.create({ name, change, pace }, devices, 'ann', at(0));
      assert.equal(made.kind, 'created', JSON.stringify(made));
      return name;
    };
    const stateOf = async (name: string) => (await stores.campaigns.find(name))?.state;
    const memberOf = async (name: string, device: string) =>
      (await stores.campaigns.members(name, { limit: 99 })).find((each) => each.device === device);
    /** As `advanceCampaigns` does, with what is scheduled now. */
    const release = async (name: string, devices: string[], when = at(1), objection?: string) => {
      const campaign = (await stores.campaigns.find(name)) ?? assert.fail();
      const turns = devices.map((device) => ({ device, ...(objection ? { objection } : {}) }));
      const scheduledAt = campaign.nextReleaseAt;
      return stores.campaignTurns.release({ name, scheduledAt, from: when, turns, at: when });
    };
    const auditOf = (object: string) => {
      using database = new DatabaseSync(join(directory, databaseFile), { readOnly: true });
      return database
        .prepare('select action, actor, details from audit_log where object = ? order by id')
        .all(object)
        .map(({ action, actor, details }) => `${action} by ${actor} ${details}`);
    };
    const order = (name: string, what: Parameters<typeof stores.campaigns.order>[1]) =>
      stores.campaigns.order(name, what, 'ann', at(5));

    test('one is made with the places that its devices have', async () => {
      const [one, two] = [await addDevice('a'), await addDevice()];
      const name = await begin([two, one]);
      assert.deepEqual(await stores.campaigns.members(name, { limit: 9 }), [
        { device: two, state: 'planned', former: { region: null } },
        { device: one, state: 'planned', former: { region: 'a' } },
      ]);
      assert.partialDeepStrictEqual(await stores.campaigns.find(name), {
        ...{ name, state: 'running', change: { region: 'b' }, pace, counts: { planned: 2 } },
        ...{ nextReleaseAt: at(0), createdAt: at(0), createdBy: 'ann' },
      });
      assert.deepEqual(await stores.campaignTurns.planned(name, 1), [two]);
      assert.deepEqual(await stores.campaignTurns.planned(name, 9), [two, one]);
      const { campaign, member } = (await stores.campaigns.membershipOf(one)) ?? assert.fail();
      assert.deepEqual([campaign.name, member.state], [name, 'planned']);
      assert.match(auditOf(name).join(), /^campaign\.created by ann .*"devices":2/);
      assert.ok((await stores.campaigns.list()).some((each) => each.name === name));
      await order(name, 'finish');
    });

    test('what cannot be is refused whole', async () => {
      const [one, there] = [await addDevice('a'), await addDevice('b')];
      const taken = await begin([one]);
      const free = await addDevice('a');
      const make = (name: string, ...devices: string[]) =>
        stores.campaigns.create({ name, change: { region: 'b' }, pace }, devices, 'ann', at(0));
      assert.deepEqual(await make(taken, free), { kind: 'exists' });
      for (const [devices, reason] of [
        [[free, one], `Device ${one} is in the campaign ${taken}, which has not ended.`],
        [[free, there], `Device ${there} is in region b already.`],
        [[free, 'nobody'], 'There is no device nobody.'],
        [[free, free], 'A device stands twice.'],
        [[], 'There is no device to move.'],
      ] as const)
        assert.deepEqual(await make('never', ...devices), { kind: 'refused', reason });
      assert.equal(await stores.campaigns.find('never'), undefined);
      assert.equal(await stores.campaigns.membershipOf(free), undefined);
      await order(taken, 'finish');
      const next = fresh('campaign');
      assert.equal((await make(next, one)).kind, 'created', 'the other one has ended');
      const going = (await stores.campaignTurns.unfinished()).map(({ name }) => name);
      assert.deepEqual([going.includes(taken), going.includes(next)], [false, true]);
    });

    test('a release gives devices their new place, and says who did it', async () => {
      const [one, two] = [await addDevice('a'), await addDevice('a')];
      const name = await begin([one, two]);
      assert.equal(await release(name, [one]), 1);
      assert.deepEqual([await regionOf(one), await regionOf(two)], ['b', 'a']);
      assert.partialDeepStrictEqual(await memberOf(name, one), {
        ...{ state: 'released', former: { region: 'a' }, releasedAt: at(1) },
      });
      assert.deepEqual((await stores.campaigns.find(name))?.nextReleaseAt, at(11));
      assert.equal(
        auditOf(one).at(-1),
        `device.place-set by campaign:${name} {"region":"b","campaign":"${name}"}`,
      );
    });

    test('of two processes that found the same due, one releases', async () => {
      const devices = [await addDevice('a'), await addDevice('a')];
      const [other, name] = [await begin([await addDevice('a')]), await begin(devices)];
      assert.deepEqual(await stores.campaignTurns.planned(name, 9), devices);
      assert.equal((await stores.campaignTurns.planned(other, 9)).length, 1);
      const outcomes = await Promise.all(devices.map((device) => release(name, [device])));
      assert.deepEqual(outcomes.filter((each) => each === 1).length, 1);
      assert.deepEqual((await stores.campaigns.find(name))?.counts, { planned: 1, released: 1 });
    });

    test('a device has one turn, though its place was given back by hand since', async () => {
      const [one, two] = [await addDevice('a'), await addDevice('a')];
      const name = await begin([one, two]);
      await release(name, [one]);
      await stores.devices.setPlace(one, { region: 'a' }, 'bob', at(2));
      assert.equal(await release(name, [one], at(20)), 0);
      assert.equal(await regionOf(one), 'a');
    });

    test('a device that somebody else changed before its turn is left as it is', async () => {
      const [changed, gone, anew, blocked, same] = [
        await addDevice('a'),
        await addDevice('a'),
        await addDevice('a'),
        await addDevice('a'),
        await addDevice('a'),
      ];
      const name = await begin([changed, gone, anew, blocked, same]);
      await stores.devices.setPlace(changed, { region: 'c' }, 'bob', at(1));
      await stores.devices.remove(gone, 'bob', at(1));
      await stores.devices.remove(anew, 'bob', at(1));
      await stores.devices.add({ id: anew, tenant: 'acme', names: [], region: 'a' }, 'bob', at(1));
      await stores.devices.setStatus(blocked, 'blocked', 'bob', at(1));
      await stores.devices.setPlace(same, { site: 'elsewhere' }, 'bob', at(1));
      assert.equal(await release(name, [changed, gone, anew, blocked, same]), 1);
      assert.equal(await stores.campaigns.membershipOf(changed), undefined, 'another may have it');
      const reasons = [
        [changed, 'it is in region c, and the campaign had it in region a'],
        [gone, 'it is no longer registered'],
        [anew, 'it was removed and registered anew'],
        [blocked, 'it is blocked'],
      ] as const;
      for (const [device, reason] of reasons)
        assert.partialDeepStrictEqual(await memberOf(name, device), { state: 'skipped', reason });
      assert.deepEqual(
        [await regionOf(changed), await regionOf(anew), await regionOf(same)],
        ['c', 'a', 'b'],
      );
    });

    test('one that would get no certificate there stays where it is', async () => {
      const device = await addDevice('a');
      const name = await begin([device]);
      assert.equal(await release(name, [device], at(1), 'No endpoint there.'), 0);
      assert.partialDeepStrictEqual(await memberOf(name, device), {
        ...{ state: 'failed', reason: 'No endpoint there.' },
      });
      assert.equal(await regionOf(device), 'a');
      assert.equal(await stateOf(name), 'finished', 'there is nothing left to do');
      assert.equal(await stores.campaigns.membershipOf(device), undefined);
    });

    test('paused, nothing is released; resumed, the time between counts for nothing', async () => {
      const devices = [await addDevice('a'), await addDevice('a')];
      const name = await begin(devices);
      await order(name, 'pause');
      assert.equal(await release(name, devices), undefined);
      assert.match((await order(name, 'pause'))?.contradiction ?? '', /is paused/);
      await stores.campaigns.order(name, 'resume', 'ann', at(1000));
      assert.deepEqual((await stores.campaigns.find(name))?.nextReleaseAt, at(1000));
      assert.equal(await release(name, devices, at(1000)), 2);
      assert.match((await order(name, 'resume'))?.contradiction ?? '', /is running/);
      assert.equal(await order('nobody', 'pause'), undefined);
      assert.deepEqual(
        auditOf(name).map((each) => each.split(' {')[0]),
        ['campaign.created by ann', 'campaign.paused by ann', 'campaign.resumed by ann'],
      );
    });

    const renew = async (subscriber: string) => {
      const intent: Intent = {
        ...{ issuer: 'issuer', serialNumber: fresh('01'), toBeSigned: Uint8Array.of(0x30, 0) },
        ...{ publicKeyDigest: fresh('key'), requestDigest: fresh('request'), profile: 'device' },
        ...{ subscriber, credential: { kind: 'operator', id: 'test' } },
        ...{ notBefore: at(0), notAfter: at(9999), requestId: 'r', recordedAt: at(2) },
      };
      await stores.ledger.recordIntent(intent);
      await stores.ledger.recordCertificate(intent, Uint8Array.of(1), at(2), 'r');
    };

    test('who renews after its release is looked at, once and then each minute', async () => {
      const [one, two] = [await addDevice('a'), await addDevice('a')];
      const name = await begin([one, two]);
      await renew(one);
      await release(name, [one, two]);
      const renewed = (before: number) => stores.campaignTurns.renewed(name, at(before), 9);
      assert.deepEqual(await renewed(9), [], 'it renewed before it was released');
      await renew(one);
      assert.deepEqual(await renewed(-99), [one]);
      const { settle } = stores.campaignTurns;
      await settle.call(
        stores.campaignTurns,
        name,
        [{ device: one, moved: false, reason: 'says a' }],
        at(3),
      );
      assert.partialDeepStrictEqual(await memberOf(name, one), {
        ...{ state: 'released', reason: 'says a' },
      });
      assert.deepEqual(await renewed(2), []);
      assert.deepEqual(await renewed(3), [one]);
      await renew(one);
      assert.deepEqual(await renewed(2), [one], 'another certificate is looked at at once');
      await stores.campaignTurns.settle(name, [{ device: one, moved: true }], at(4));
      const moved = await memberOf(name, one);
      assert.deepEqual([moved?.state, moved?.movedAt, moved?.reason], ['moved', at(4), undefined]);
      assert.equal(await stateOf(name), 'running');
      await renew(one);
      assert.deepEqual(await renewed(9), [], 'who has moved is looked at no more');
      await renew(two);
      await stores.campaignTurns.settle(name, [{ device: two, moved: true }], at(5));
      assert.partialDeepStrictEqual(await stores.campaigns.find(name), {
        ...{ state: 'finished', endedAt: at(5) },
      });
      assert.match(auditOf(name).at(-1) ?? '', /^campaign\.finished by server/);
    });

    test('rolled back: who was released has its old place, but for whom somebody changed', async () => {
      const [one, none, changed, waiting] = [
        await addDevice('a'),
        await addDevice(),
        await addDevice('a'),
        await addDevice('a'),
      ];
      const name = await begin([one, none, changed, waiting]);
      await release(name, [one, none, changed]);
      await stores.devices.setPlace(changed, { region: 'c' }, 'bob', at(2));
      assert.equal(
        await stores.campaignTurns.restore(name, 1, at(3)),
        false,
        'nobody asked for it',
      );
      assert.equal(await regionOf(one), 'b');
      await order(name, 'roll-back');
      assert.equal(await release(name, [waiting]), undefined);
      const steps = [];
      do steps.push(await stores.campaignTurns.restore(name, 2, at(6)));
      while (steps.at(-1));
      assert.deepEqual(steps, [true, false]);
      assert.deepEqual(await Promise.all([one, none, changed, waiting].map(regionOf)), [
        'a',
        undefined,
        'c',
        'a',
      ]);
      const members = await stores.campaigns.members(name, { limit: 9 });
      assert.deepEqual(
        members.map(({ state }) => state),
        ['restored', 'restored', 'kept', 'left'],
      );
      assert.equal(members[2]?.reason, 'it is in region c, and the campaign had it in region b');
      assert.equal(await stateOf(name), 'rolled-back');
      assert.match(auditOf(one).at(-1) ?? '', /"region":"a"/);
      for (const what of ['pause', 'resume', 'finish', 'roll-back'] as const)
        assert.match((await order(name, what))?.contradiction ?? '', /is rolled-back/);
    });

    test('one that had ended can be rolled back, and leaves alone who is in another by now', async () => {
      const [one, two] = [await addDevice('a'), await addDevice('a')];
      const name = await begin([one, two]);
      await release(name, [one, two]);
      await order(name, 'finish');
      const next = await begin([two], { region: 'd' });
      await order(name, 'roll-back');
      assert.equal(await stores.campaignTurns.restore(name, 9, at(6)), false);
      assert.deepEqual([await regionOf(one), await regionOf(two)], ['a', 'b']);
      assert.partialDeepStrictEqual(await memberOf(name, two), {
        ...{ state: 'kept', reason: `it is in the campaign ${next}` },
      });
      assert.equal((await stores.campaigns.membershipOf(two))?.campaign.name, next);
    });

    test('one that is rolled back is not finished by who has moved, and minds no campaign that ended', async () => {
      const [one, two] = [await addDevice('a'), await addDevice('a')];
      const before = await begin([two], { region: 'c' });
      await order(before, 'finish');
      const name = await begin([one, two]);
      await release(name, [one, two]);
      await stores.campaignTurns.settle(name, [{ device: one, moved: true }], at(2));
      await order(name, 'roll-back');
      await stores.campaignTurns.settle(name, [{ device: two, moved: true }], at(3));
      assert.equal(await stateOf(name), 'rolling-back');
      assert.equal(await stores.campaignTurns.restore(name, 9, at(6)), false);
      assert.deepEqual([await regionOf(one), await regionOf(two)], ['a', 'a']);
    });

    test('quarantine is a place too', async () => {
      const device = await addDevice('a');
      const isHeld = async () => (await stores.devices.find(device))?.device.quarantined === true;
      const name = await begin([device], { quarantined: true });
      await release(name, [device]);
      assert.equal(await isHeld(), true);
      assert.match(auditOf(device).at(-1) ?? '', /^device\.quarantined by campaign:/);
      await order(name, 'roll-back');
      await stores.campaignTurns.restore(name, 9, at(6));
      assert.equal(await isHeld(), false);
      assert.equal(await regionOf(device), 'a');
    });
  });
