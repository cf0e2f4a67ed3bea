/**
 * Digest authentication in the database: nonces that are used once, the passwords a user name may mean, and what
 * failures without a user name count for.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { CountedAttempt, FailureLimits } from '../enrollment/one-time-password-store.ts';
import { type OpenStores, openStores } from './stores.ts';

const limits: FailureLimits = {
  perCredentialAndSource: 3,
  perCredential: 4,
  perSource: 6,
  windowSeconds: 60,
};
const directory = mkdtempSync(join(tmpdir(), 'bestow-digest-'));
const open = () => openStores({ sqlite: join(directory, 'digest.db'), busyTimeout: 2000 }, limits);
const now = new Date('2030-01-01T00:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
let stores: OpenStores;
let counter = 0;

before(async () => {
  stores = await open();
  await stores.tenants.add({ id: 'acme', endpoints: [], label: 'acme' }, 'test', now);
});
after(async () => {
  await stores.close();
  rmSync(directory, { recursive: true, force: true });
});

const attemptOf = (userName: string, source = `source-${++counter}`): CountedAttempt => ({
  userName,
  source,
  at: now,
  requestId: 'request-1',
});

async function addDevice(): Promise<string> {
  const id = `device-${++counter}`;
  await stores.devices.add({ id, tenant: 'acme', names: [] }, 'test', now);
  return id;
}

async function addPassword(device: string, expiresAt = later(100), digest = true) {
  const id = `otp-${++counter}`;
  const digestSecret = Uint8Array.of(counter);
  await stores.oneTimePasswords.create({
    id,
    device,
    passwordHash: `hash-of-${id}`,
    ...(digest ? { digestSecret } : {}),
    createdAt: now,
    expiresAt,
    by: 'test',
  });
  return { id, digestSecret };
}

/** Ids of the passwords, in the order of their making. */
async function candidatesOf(userName: string, limit = 100, at = now): Promise<string[]> {
  const attempt = { ...attemptOf(userName), at };
  const outcome = await stores.oneTimePasswords.findDigestCandidates(attempt, limit);
  assert.ok(outcome.kind === 'candidates');
  const number = (id: string) => Number(id.slice('otp-'.length));
  return outcome.candidates
    .map(({ password }) => password.id)
    .sort((a, b) => number(a) - number(b));
}

describe('a nonce', () => {
  const use = (count: number, nonce: string) => ({ nonce, count, expiresAt: later(60) });

  test('is used once with each count, and counts only grow', async () => {
    const claim = (count: number) => stores.digestNonces.claim(use(count, 'growing'), now);
    assert.deepEqual(
      [await claim(1), await claim(1), await claim(2), await claim(9), await claim(8)],
      [true, false, true, true, false],
    );
    assert.equal(await claim(0xffffffff), true);
    assert.equal(await claim(0xffffffff), false);
  });

  test('has a count of its own', async () => {
    assert.equal(await stores.digestNonces.claim(use(5, 'one'), now), true);
    assert.equal(await stores.digestNonces.claim(use(1, 'another'), now), true);
  });

  test('of racing claims by two processes, one is true', async () => {
    const other = await open();
    const claims = Array.from({ length: 20 }, (_, i) =>
      (i % 2 ? stores : other).digestNonces.claim(use(1, 'raced'), now),
    );
    assert.equal((await Promise.all(claims)).filter(Boolean).length, 1);
    await other.close();
  });

  test('is forgotten when it has expired, not before', async () => {
    const claim = (at: Date) => stores.digestNonces.claim(use(1, 'expiring'), at);
    assert.equal(await claim(now), true);
    await stores.digestNonces.claim(use(1, 'meanwhile'), later(59));
    assert.equal(await claim(later(59)), false);
    await stores.digestNonces.claim({ ...use(1, 'afterwards'), expiresAt: later(90) }, later(60));
    // Nobody asks so late: the server no longer accepts the nonce. The row is gone, that is what shows here.
    assert.equal(await claim(later(60)), true);
  });
});

describe('the passwords a user name may mean', () => {
  test('all of the device, or the one with that id, with what they are verified by', async () => {
    const device = await addDevice();
    const [first, second] = [await addPassword(device), await addPassword(device)];
    await addPassword(await addDevice());
    assert.deepEqual(await candidatesOf(device), [first.id, second.id]);
    assert.deepEqual(await candidatesOf(second.id), [second.id]);
    assert.deepEqual(await candidatesOf('nobody'), []);
    const outcome = await stores.oneTimePasswords.findDigestCandidates(attemptOf(first.id), 1);
    const [candidate] = outcome.kind === 'candidates' ? outcome.candidates : [];
    assert.deepEqual([...(candidate?.digestSecret ?? [])], [...first.digestSecret]);
    assert.equal(candidate?.device.id, device);
    assert.equal(candidate?.group.label, 'acme');
  });

  test('also those without a digest secret, so that the log can tell', async () => {
    const { id } = await addPassword(await addDevice(), later(100), false);
    const outcome = await stores.oneTimePasswords.findDigestCandidates(attemptOf(id), 1);
    const [candidate] = outcome.kind === 'candidates' ? outcome.candidates : [];
    assert.equal(candidate?.password.id, id);
    assert.equal(candidate?.digestSecret, undefined);
  });

  test('no expired and no revoked ones, but spent ones, which may repeat their request', async () => {
    const device = await addDevice();
    const [expired, revoked, spent] = [
      await addPassword(device, later(10)),
      await addPassword(device),
      await addPassword(device),
    ];
    await stores.oneTimePasswords.revoke(revoked.id, 'test', now);
    await stores.ledger.recordIntent({
      issuer: 'issuer',
      serialNumber: '01',
      toBeSigned: Uint8Array.of(0x30, 0),
      publicKeyDigest: 'key',
      requestDigest: 'request',
      profile: 'device',
      subscriber: device,
      credential: { kind: 'one-time-password', id: spent.id },
      notBefore: now,
      notAfter: later(1000),
      requestId: 'request-1',
      recordedAt: now,
    });
    assert.deepEqual(await candidatesOf(device), [expired.id, spent.id]);
    assert.deepEqual(await candidatesOf(device, 100, later(10)), [spent.id]);
  });

  test('without a user name all live ones with a digest secret, up to the limit', async () => {
    const device = await addDevice();
    const far = new Date('2040-01-01T00:00:00Z');
    const at = new Date('2035-01-01T00:00:00Z');
    const [first, second] = [await addPassword(device, far), await addPassword(device, far)];
    await addPassword(device, far, false);
    assert.deepEqual(await candidatesOf('', 100, at), [first.id, second.id]);
    assert.equal((await candidatesOf('', 1, at)).length, 1);
  });

  test('none while the user name or the source is paused', async () => {
    const device = await addDevice();
    await addPassword(device);
    const attempt = attemptOf(device);
    for (let i = 0; i < limits.perCredentialAndSource; i++)
      await stores.oneTimePasswords.recordFailure(attempt, 'test');
    const outcome = await stores.oneTimePasswords.findDigestCandidates(attempt, 1);
    assert.deepEqual(outcome, { kind: 'paused', retryAfter: 60 });
  });
});

describe('failures without a user name', () => {
  const pausedAt = async (source: string) =>
    (await stores.oneTimePasswords.match({ ...attemptOf('', source), passwordHash: 'none' }))
      .kind === 'paused';

  test('pause their source at its own limit, not at that of a credential', async () => {
    for (let i = 0; i < limits.perSource; i++) assert.equal(await pausedAt('noisy'), false, `${i}`);
    assert.equal(await pausedAt('noisy'), true);
  });

  test('from many sources pause nobody else', async () => {
    const sources = Array.from({ length: limits.perCredential + 1 }, (_, i) => `swarm-${i}`);
    for (const source of sources) assert.equal(await pausedAt(source), false);
    assert.equal(await pausedAt('bystander'), false);
  });
});
