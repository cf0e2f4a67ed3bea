/**
 * Devices are sent to another region a few at a time: unmodified curl renews, and lands there; a campaign is paused, cut short
 * by the death of the server, and rolled back.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { AllocationPolicy } from '../../enrollment/allocation/allocation-policy.ts';
import { defaultSettings } from '../../enrollment/group-settings.ts';
import { loadConfig } from '../../server/config.ts';
import { openStores } from '../../storage/stores.ts';
import { BestowServer } from '../support/bestow.ts';
import { eventually } from '../support/eventually.ts';
import { auditOf, enlist } from '../support/registry.ts';
import { RenewingDevice } from '../support/renewing-device.ts';

const timeout = 60_000;
const files = mkdtempSync(join(tmpdir(), 'bestow-campaigns-test-'));
const server = await BestowServer.start();
const { storage, est } = loadConfig(server.data);
// Open all the time: to open it for each look takes longer than what is looked at.
const stores = await openStores(storage, est.failures);
const ids = ['pump-1', 'pump-2', 'pump-3', 'pump-4'] as const;
type Pump = (typeof ids)[number];
const pumps = Object.fromEntries(ids.map((id) => [id, new RenewingDevice(server, id)]));
const pump = (id: Pump) => pumps[id] ?? assert.fail(id);
after(async () => {
  await stores.close();
  await server[Symbol.asyncDispose]();
  for (const device of Object.values(pumps)) device[Symbol.dispose]();
  rmSync(files, { recursive: true, force: true });
});

const [a, b] = ['mqtts://a.example', 'mqtts://b.example'];
const policy: AllocationPolicy = {
  allocate: 'region',
  regionFrom: [{ from: 'registry' }],
  regions: {
    a: { allocate: 'fixed', endpoints: [a] },
    b: { allocate: 'fixed', endpoints: [b] },
  },
};

before(async () => {
  const group = { label: 'pumps', tenant: 'default', settings: defaultSettings };
  await stores.tenants.addGroup(group, 'test', new Date());
  await stores.allocation.setPolicy('pumps', policy, 'test', new Date());
  const place = { group: 'pumps', region: 'a' };
  const passwords = await enlist(server, Object.fromEntries(ids.map((id) => [id, place])));
  const enrolled = ids.map(async (id) => {
    assert.equal((await pump(id).enroll(passwords[id] ?? '')).status, 200);
    // The first second of the policy may have passed unseen.
    await eventually(async () => {
      await renew(id);
      return pump(id).endpoints[0] === a;
    });
  });
  await Promise.all(enrolled);
});

/** No device was released before its turn. */
async function requirePace(name: string, stepMs: number): Promise<void> {
  const { createdAt } = (await progress(name)) ?? assert.fail();
  for (const [i, { releasedAt }] of (await stores.campaigns.members(name, { limit: 9 })).entries())
    assert.ok(!releasedAt || releasedAt.getTime() >= createdAt.getTime() + i * stepMs, `${i}`);
}
const progress = (name: string) => stores.campaigns.find(name);
const campaign = (...args: string[]) => server.cli('campaign', ...args);
async function renew(id: Pump): Promise<void> {
  const { status, body } = await pump(id).renew();
  assert.equal(status, 200, body);
}
const regionOf = async (id: string) => (await stores.devices.find(id))?.device.region;

test('what it would come to is said before, and nothing is done', { timeout }, async () => {
  const choice = ['--group', 'pumps', '--region', 'a', '--limit', '3'];
  const args = ['create', 'to-b', ...choice, '--to-region', 'b', '--pace', '2/s'];
  const { stdout } = await campaign(...args, '--dry-run');
  assert.match(
    stdout,
    /^3 device\(s\) would be released to region b at 2\/s, .*; 3 would get other/,
  );
  assert.match(stdout, /Now they go to:\nregion .*\na +- +mqtts:\/\/a\.example +3\n/);
  assert.match(stdout, /Then they go to:\nregion .*\nb +- +mqtts:\/\/b\.example +3\n/);
  assert.deepEqual(await stores.campaigns.list(), []);
  assert.deepEqual(await Promise.all(ids.map(regionOf)), ['a', 'a', 'a', 'a']);
});

test('devices are released at their pace, and move with their next certificate', {
  timeout,
}, async () => {
  const choice = ['--group', 'pumps', '--region', 'a', '--limit', '3'];
  await server.json(
    ...['campaign', 'create', 'to-b', ...choice, '--to-region', 'b', '--pace', '2/s', '--start'],
  );
  await eventually(async () => (await progress('to-b'))?.counts.released === 3);
  await requirePace('to-b', 500);
  const held = await server.json<{
    campaign: string;
    endpoints: string[];
    lastEndpoints: string[];
  }>(...['device', 'show', 'pump-1']);
  assert.equal(held.campaign, 'to-b (running), to region b: released');
  assert.deepEqual([held.endpoints, held.lastEndpoints], [[b], [a]]);

  await renew('pump-1');
  assert.deepEqual(pump('pump-1').endpoints, [b]);
  await renew('pump-4');
  assert.deepEqual(pump('pump-4').endpoints, [a], 'it is none of them');
  await eventually(async () => (await progress('to-b'))?.counts.moved === 1);
  assert.equal((await progress('to-b'))?.state, 'running');
  await Promise.all([renew('pump-2'), renew('pump-3')]);
  await eventually(async () => (await progress('to-b'))?.state === 'finished');
  assert.deepEqual((await progress('to-b'))?.counts, { moved: 3 });
  const [entry] = auditOf(server, 'device.place-set');
  assert.partialDeepStrictEqual(entry, {
    ...{ actor: 'campaign:to-b', object: 'pump-1', details: { region: 'b', campaign: 'to-b' } },
  });
});

test('paused, a device stays in a campaign of its own; rolled back, it is where it was', {
  timeout,
}, async () => {
  const list = join(files, 'list.csv');
  writeFileSync(list, 'id,note\npump-1,x\npump-2,y\npump-3,z\npump-4,there already\n');
  const args = ['create', 'back', '--devices', list, '--to-region', 'a', '--pace', '1/d'];
  const started = await campaign(...args, '--start');
  assert.match(started.stdout, /releases 3 device\(s\) to region a at 1\/d/);
  await eventually(async () => (await progress('back'))?.counts.released === 1);
  assert.match((await campaign('show', 'back')).stdout, /all released: +\S+, in (48 h|2 d)/);
  assert.match((await campaign('pause', 'back')).stdout, /releases no more devices/);
  const other = await campaign(
    ...['create', 'other', '--devices', list, '--to-region', 'c', '--pace', '1/h'],
  );
  assert.match(other.stdout, /^1 device.*\n[\s\S]*pump-1 is left out: it is in the campaign back/);
  await renew('pump-1');
  assert.deepEqual(pump('pump-1').endpoints, [a]);
  await eventually(async () => (await progress('back'))?.counts.moved === 1);

  const { stdout } = await campaign('roll-back', 'back');
  assert.match(stdout, /1 device\(s\) have their old place again, .* 2 had not been released/);
  assert.deepEqual(await Promise.all(ids.map(regionOf)), ['b', 'b', 'b', 'a']);
  await renew('pump-1');
  assert.deepEqual(pump('pump-1').endpoints, [b]);
  assert.equal((await campaign('resume', 'back')).exitCode, 5);
});

test('a server that dies goes on where it was, and leaves alone what operators changed', {
  timeout,
}, async () => {
  const args = ['create', 'again', '--group', 'pumps', '--region', 'b', '--to-region', 'a'];
  await server.json('campaign', ...args, '--pace', '30/min', '--start');
  await eventually(async () => ((await progress('again'))?.counts.released ?? 0) >= 1);
  await server.stop('SIGKILL');
  await stores.devices.setPlace('pump-3', { region: 'elsewhere' }, 'bob', new Date());
  await server.start();
  await eventually(async () => ((await progress('again'))?.counts.planned ?? 0) === 0);
  await requirePace('again', 2000);
  const { devices } = await server.json<{
    devices: { device: string; state: string; reason?: string }[];
  }>('campaign', 'show', 'again');
  assert.deepEqual(
    devices.map(({ state, reason }) => `${state} ${reason ?? ''}`),
    [
      'released ',
      'released ',
      'skipped it is in region elsewhere, and the campaign had it in region b',
    ],
  );
  assert.deepEqual(await Promise.all(ids.map(regionOf)), ['a', 'a', 'elsewhere', 'a']);
  const listed = await campaign('list');
  assert.match(listed.stdout, /again +running +region a +30\/min +3 +0/);
});

test('what cannot be', { timeout }, async () => {
  const ends = async (exitCode: number, said: RegExp, ...args: string[]) => {
    const result = await campaign('create', ...args);
    assert.equal(result.exitCode, exitCode, `${args.join(' ')}\n${result.stdout}${result.stderr}`);
    assert.match(`${result.stdout}${result.stderr}`, said);
  };
  const to = ['--to-region', 'a', '--pace', '1/h'];
  await Promise.all([
    ends(2, /Say which devices/, 'x', ...to),
    ends(2, /--to-region, or --quarantine/, 'x', '--group', 'pumps', '--pace', '1/h'),
  ]);
  await Promise.all([
    ends(2, /is no pace/, 'x', '--group', 'pumps', '--to-region', 'a', '--pace', 'fast'),
    ends(5, /campaign again already/, 'again', '--region', 'elsewhere', ...to, '--start'),
  ]);
  const quarantined = ['--region', 'elsewhere', '--quarantine', 'on', '--pace', '1/h'];
  await ends(0, /1 device.*\n[\s\S]*refused[\s\S]*are not released, and stay/, 'x', ...quarantined);
});
