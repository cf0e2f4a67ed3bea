/**
 * CRLs that are made without being asked for, over the real store.
 */

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { OpenStores } from '../storage/stores.ts';
import { eventually } from '../test/support/eventually.ts';
import { openFreshStores } from '../test/support/fresh-stores.ts';
import { makePlan, makeSoftwareCa, type SoftwareCa } from '../test/support/software-ca.ts';
import { CertificateAuthority } from './certificate-authority.ts';
import { CrlPublisher, type CrlPublisherParts } from './crl-publisher.ts';
import { CrlSchedule } from './crl-schedule.ts';
import type { ScopeState } from './crl-store.ts';

const day = 86_400;
let stores: OpenStores;
let ca: SoftwareCa;
let now: Date;
let signatures: number;
let followed: ScopeState[];
let reported: unknown[];
let schedules: CrlSchedule[];

beforeEach(async () => {
  stores = await openFreshStores();
  now = new Date();
  ca = await makeSoftwareCa({ now });
  signatures = 0;
  ca.signer.onSign = () => signatures++;
  followed = [];
  reported = [];
  schedules = [];
});

afterEach(() => {
  for (const schedule of schedules) schedule.stop();
  return stores.close();
});

function scheduleOf(changes: Partial<CrlPublisherParts> = {}): CrlSchedule {
  const publisher = new CrlPublisher({
    issuer: ca.issuing,
    signer: ca.signer,
    store: stores.crls,
    validitySeconds: 7 * day,
    url: 'http://pki.example/crl/ca.crl',
    report: assert.ifError,
    clock: () => now,
    ...changes,
  });
  const schedule = new CrlSchedule({
    publishers: () => [publisher],
    follow: async (_publisher, state) => {
      followed.push(state);
    },
    report: (error) => reported.push(error),
    interval: 10,
  });
  schedules.push(schedule);
  return schedule;
}

async function revokeSome(count: number): Promise<void> {
  const { issuing: issuer, signer } = ca;
  const parts = { issuer, signer, ledger: stores.ledger, serialPrefix: 1, clock: () => now };
  const authority = new CertificateAuthority(parts);
  const issued = await Promise.all(
    Array.from({ length: count }, () => authority.issue(makePlan())),
  );
  const order = { reason: 'superseded', at: now, by: 'test' } as const;
  await Promise.all(issued.map(({ serialNumber }) => authority.revoke(serialNumber, order)));
  signatures = 0;
}

const newest = async (partition = 0) =>
  (await stores.crls.newest({ issuer: ca.issuing.id, partition })) ?? assert.fail();
const pass = (days: number) => {
  now = new Date(now.getTime() + days * day * 1000);
};

test('a round makes the first CRL of each partition, and then none while there is nothing to say', async () => {
  const schedule = scheduleOf({ partitions: 3 });
  await schedule.round();
  assert.equal(signatures, 4);
  await schedule.round();
  assert.equal(signatures, 4);
  for (const partition of [0, 1, 2, 3]) assert.equal((await newest(partition)).number, 1);
  assert.deepEqual(
    followed.map(({ partition, newest: number }) => [partition, number]),
    [0, 1, 2, 3, 0, 1, 2, 3].map((partition) => [partition, 1]),
  );
  assert.deepEqual(reported, []);
});

for (const [overlap, early, late] of [
  [undefined, 3.4, 3.6],
  [day, 5.9, 6.1],
  [6 * day, 0.9, 1.1],
] as const)
  test(`the next one is made ${overlap === undefined ? 'at half of its life' : `${overlap / day} days before its end`}`, async () => {
    const overlapSeconds = overlap === undefined ? {} : { overlapSeconds: overlap };
    const round = () => scheduleOf(overlapSeconds).round();
    await round();
    const before = await newest();
    pass(early);
    await round();
    assert.equal((await newest()).number, 1);
    pass(late - early);
    await round();
    const after = await newest();
    assert.equal(after.number, 2);
    assert.ok(after.thisUpdate < before.nextUpdate, 'both are valid for a while');
  });

test('a storm of revocations is on the next CRL, and there are few of them', async () => {
  const schedule = scheduleOf();
  schedule.start();
  await eventually(() => signatures === 1);
  await revokeSome(300);
  await eventually(async () => (await newest()).revocations === 300);
  assert.ok((await newest()).number <= 20, `${(await newest()).number} CRLs`);
});

test('revocations that come while one is made are on one more, together', async () => {
  await scheduleOf().round();
  await revokeSome(5);
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const { publicKey, algorithm } = ca.signer;
  const sign = async (toBeSigned: Uint8Array) => {
    begun.resolve();
    await goOn.promise;
    return ca.signer.sign(toBeSigned);
  };
  const schedule = scheduleOf({ signer: { publicKey, algorithm, available: true, sign } });
  schedule.start();
  await begun.promise;
  await revokeSome(50);
  goOn.resolve();
  await eventually(async () => (await newest()).revocations === 55);
  assert.equal((await newest()).number, 3);
  assert.equal(signatures, 2);
});

test('of several one makes it, and the others take it over', async () => {
  const several = Array.from({ length: 4 }, () => scheduleOf());
  await Promise.all(several.map((schedule) => schedule.round()));
  assert.equal(signatures, 1);
  followed = [];
  await Promise.all(several.map((schedule) => schedule.round()));
  assert.deepEqual(
    followed.map((state) => state.newest),
    [1, 1, 1, 1],
  );
});

test('who ended amid making one is waited for no longer than its turn lasts', async () => {
  const scope = { issuer: ca.issuing.id, partition: 0 };
  const until = new Date(now.getTime() + 60_000);
  assert.ok(await stores.crls.claim(scope, { by: 'another', now, until }));
  await scheduleOf().round();
  assert.equal(signatures, 0);
  now = until;
  await scheduleOf().round();
  assert.equal(signatures, 1);
});

test('what cannot be made is reported once in a while, and not all the time', async () => {
  ca.signer.reachable = false;
  const schedule = scheduleOf({ partitions: 5 });
  for (let i = 0; i < 3; i++) await schedule.round();
  assert.equal(reported.length, 1);
  assert.match(String(reported[0]), /out of reach/);
  ca.signer.reachable = true;
  await scheduleOf().round();
  assert.equal((await newest()).number, 1);
});
