import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { CaCertificate } from '../ca/ca-chain.ts';
import type { PublishedCrl } from '../ca/read-crl.ts';
import { takeOverRevocations } from './adoption.ts';
import { announce } from './outbox.ts';
import { openRestoration, restoreSafely } from './restoration.ts';
import { SqlCrlStore } from './sql-crl-store.ts';
import { SqlEvents } from './sql-events.ts';
import { SqlWebhooks } from './sql-webhooks.ts';

const by = 'operator:test';
const at = new Date('2030-02-01T00:00:00Z');
const takenAt = new Date('2030-01-31T00:00:00Z');
const order = { at, by, takenAt, nothingHappenedSince: false };
const issuer = {
  id: 'a1',
  notBefore: new Date('2025-01-01T00:00:00Z'),
  notAfter: new Date('2035-01-01T00:00:00Z'),
} as CaCertificate;

let scratch: string;
let database: Awaited<ReturnType<typeof openRestoration>>;
beforeEach(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'bestow-restoration-'));
  database = await openRestoration({ sqlite: join(scratch, 'db'), busyTimeout: 1000 });
});
afterEach(async () => {
  await database.close();
  rmSync(scratch, { recursive: true, force: true });
});

const numberNow = async () =>
  (await new SqlCrlStore(database.transactions).state({ issuer: issuer.id, partition: 0 }))?.newest;

function published(change: Partial<PublishedCrl>): PublishedCrl {
  const revoked = [{ serialNumber: '01aa', revokedAt: takenAt, reason: 'keyCompromise' as const }];
  return { issuer, number: 7, thisUpdate: at, urls: [], revoked, ...change };
}

function addApprovals(): Promise<void> {
  return database.transactions.write(async (transaction) => {
    for (const state of ['pending', 'approved', 'rejected', 'used'])
      await transaction
        .insertInto('approval')
        .values({
          ...{ id: state, device: 'd', request_digest: '', public_key_digest: '', subject: '' },
          ...{ names: '[]', profile: 'device', source: '', state, reason: null },
          ...{ decided_by: null, decided_at: null, first_seen: '', last_seen: '' },
          expires_at: '2030-02-07T00:00:00.000Z',
        })
        .execute();
  });
}

test('events after a restoration are newer than any that were told before', async () => {
  const { transactions } = database;
  const happen = (type: 'bestow.device.seen' | 'bestow.device.blocked') =>
    transactions.write((transaction) => announce(transaction, 'pump', { type, at, data: {} }));
  await new SqlWebhooks(transactions).add(
    { id: 'wh', url: 'https://receiver.example/', purpose: 'events', types: ['*'] },
    { id: 'sec', sealed: Uint8Array.of(1), createdAt: takenAt },
    by,
  );
  await happen('bestow.device.seen');
  await restoreSafely(transactions, order);
  await happen('bestow.device.blocked');
  const [after, before] = await new SqlEvents(transactions).list({ limit: 2 });
  assert.equal(before?.sequence, 1);
  assert.equal(after?.sequence, at.getTime() + 1);
});

async function openApprovals(): Promise<string[]> {
  const rows = await database.transactions.read
    .selectFrom('approval')
    .select('state')
    .where('expires_at', '>', at.toISOString())
    .orderBy('state')
    .execute();
  return rows.map(({ state }) => state);
}

test('an approval may be used up by now, a rejection stands', async () => {
  await addApprovals();
  const { requestsForgotten } = await restoreSafely(database.transactions, order);
  assert.equal(requestsForgotten, 2);
  assert.deepEqual(await openApprovals(), ['rejected', 'used']);
});

test('where nothing happened since, requests go on waiting', async () => {
  await addApprovals();
  await restoreSafely(database.transactions, { ...order, nothingHappenedSince: true });
  assert.deepEqual(await openApprovals(), ['approved', 'pending', 'rejected', 'used']);
});

test('each restoration skips more CRL numbers, and none goes back', async () => {
  const first = await restoreSafely(database.transactions, order);
  assert.equal(first.crlNumber, at.getTime());
  assert.equal(await numberNow(), at.getTime() - 1);
  const earlier = await restoreSafely(database.transactions, { ...order, at: takenAt });
  assert.equal(earlier.crlNumber, first.crlNumber);
  await takeOverRevocations(database.transactions, published({ number: at.getTime() + 9 }), order);
  assert.equal(await numberNow(), at.getTime() + 9);
  const [whole] = await new SqlCrlStore(database.transactions).states(issuer.id);
  assert.equal(whole?.newest, at.getTime() + 9);
});

test('what a CRL lists and nobody knows is listed again, in the partition whose CRL it was', async () => {
  const { transactions } = database;
  const url = 'http://pki.example/crl/a1/3.crl';
  await new SqlCrlStore(transactions).open(issuer.id, new Map([[3, url]]));
  const counts = await takeOverRevocations(transactions, published({ urls: [url] }), order);
  assert.deepEqual(counts, { entries: 1, revoked: 1, unseen: 1 });
  const store = new SqlCrlStore(transactions);
  for (const [partition, expected] of [
    [0, ['01aa']],
    [3, ['01aa']],
    [4, []],
  ] as const) {
    const scope = { issuer: issuer.id, partition };
    const listed = await store.revoked(scope, { after: '', endingAfter: at }, 10);
    assert.deepEqual(
      listed.map(({ serialNumber }) => serialNumber),
      expected,
    );
  }
  assert.equal((await store.state({ issuer: issuer.id, partition: 3 }))?.revocations, 1);
  const again = await takeOverRevocations(transactions, published({}), order);
  assert.deepEqual(again, { entries: 1, revoked: 0, unseen: 0 });
});
