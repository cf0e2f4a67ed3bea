/**
 * What is SQLite's own: durability settings, migrations, locks, group commit.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import { Migrator, sql } from 'kysely';
import type { Intent } from '../ca/issuance-ledger.ts';
import { GroupCommit } from './group-commit.ts';
import { migrate } from './migrate.ts';
import * as registryAndLedger from './migrations/0001-registry-and-ledger.ts';
import { openSqliteFile } from './node-sqlite.ts';
import { StorageUnavailable } from './storage-unavailable.ts';
import { openStores } from './stores.ts';

const directory = mkdtempSync(join(tmpdir(), 'bestow-sqlite-'));
after(() => rmSync(directory, { recursive: true, force: true }));
let files = 0;
const newFile = () => join(directory, `${++files}.db`);
const busyTimeout = 100;

async function opened(path = newFile()) {
  const transactions = new GroupCommit({ path, busyTimeout });
  await migrate(transactions.schema);
  return { transactions, path };
}

const entry = (action: string) => ({
  at: 'now',
  actor: 'a',
  action,
  object: 'o',
  request_id: null,
  details: '{}',
});

test('commits are flushed to disk: WAL with synchronous FULL, and foreign keys are enforced', () => {
  const database = openSqliteFile({ path: newFile(), busyTimeout });
  const pragma = (name: string) => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  assert.deepEqual(['journal_mode', 'synchronous', 'foreign_keys', 'busy_timeout'].map(pragma), [
    'wal',
    2,
    1,
    busyTimeout,
  ]);
  database.close();
});

describe('schema', () => {
  test('is brought up to date once, and a second time changes nothing', async () => {
    const { transactions } = await opened();
    await migrate(transactions.schema);
    await transactions.close();
  });

  test('of an older version is brought up to date, and keeps what it holds', async () => {
    const transactions = new GroupCommit({ path: newFile(), busyTimeout });
    const { schema } = transactions;
    const first = { '0001-registry-and-ledger': registryAndLedger };
    await new Migrator({
      db: schema,
      provider: { getMigrations: async () => first },
    }).migrateToLatest();
    await sql`insert into tenant values ('t', '[]', 0, '2026')`.execute(schema);
    await sql`insert into device_group values ('g', 't', '2026')`.execute(schema);
    await migrate(schema);
    const group = await schema.selectFrom('device_group').selectAll().executeTakeFirst();
    assert.deepEqual(
      { ...group },
      { label: 'g', tenant: 't', created_at: '2026', linking: 'optional' },
    );
    await transactions.close();
  });

  test('of a newer version is refused', async () => {
    const { transactions } = await opened();
    await sql`insert into kysely_migration values ('9999-from-the-future', '2040-01-01')`.execute(
      transactions.schema,
    );
    await assert.rejects(migrate(transactions.schema), /newer version .*9999-from-the-future/);
    await transactions.close();
  });
});

test('the audit log can be added to and nothing else', async () => {
  const { transactions } = await opened();
  await transactions.write((t) => t.insertInto('audit_log').values(entry('one')).execute());
  await assert.rejects(
    transactions.write((t) => t.updateTable('audit_log').set({ actor: 'b' }).execute()),
    /append-only/,
  );
  await assert.rejects(
    transactions.write((t) => t.deleteFrom('audit_log').execute()),
    /append-only/,
  );
  await transactions.close();
});

test('what a device of a suspended tenant asks for is refused when it is to be recorded', async () => {
  const path = newFile();
  const limits = { perCredentialAndSource: 5, perCredential: 5, perSource: 5, windowSeconds: 60 };
  const stores = await openStores({ sqlite: path, busyTimeout }, limits);
  const now = new Date('2030-01-01T00:00:00Z');
  await stores.tenants.add({ id: 't', endpoints: [], label: 't' }, 'test', now);
  await stores.devices.add({ id: 'd', tenant: 't', names: [] }, 'test', now);
  const intent = (serialNumber: string): Intent => ({
    issuer: 'issuer',
    serialNumber,
    toBeSigned: Uint8Array.of(0x30, 0),
    publicKeyDigest: 'key',
    requestDigest: serialNumber,
    profile: 'device',
    subscriber: 'd',
    credential: { kind: 'operator', id: 'test' },
    notBefore: now,
    notAfter: now,
    requestId: 'r',
    recordedAt: now,
  });
  assert.equal((await stores.ledger.recordIntent(intent('01'))).kind, 'recorded');
  const other = new DatabaseSync(path);
  other.exec('update tenant set suspended = 1');
  other.close();
  const outcome = await stores.ledger.recordIntent(intent('02'));
  assert.equal(outcome.kind === 'refused' && outcome.code, 'subscriber-inactive');
  await stores.close();
});

describe('group commit', () => {
  test('a unit that fails takes nothing with it but its own writes', async () => {
    const { transactions } = await opened();
    const write = (action: string, fail: boolean) =>
      transactions.write(async (t) => {
        await t.insertInto('audit_log').values(entry(action)).execute();
        if (fail) throw new Error(`no ${action}`);
        return action;
      });
    const results = await Promise.allSettled([
      write('one', false),
      write('two', true),
      write('three', false),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    const rows = await transactions.read
      .selectFrom('audit_log')
      .select('action')
      .orderBy('id')
      .execute();
    assert.deepEqual(
      rows.map(({ action }) => action),
      ['one', 'three'],
    );
    await transactions.close();
  });

  test('a read never sees what is not committed', async () => {
    const { transactions } = await opened();
    let seen: unknown;
    await transactions.write(async (t) => {
      await t.insertInto('audit_log').values(entry('one')).execute();
      seen = (await transactions.read.selectFrom('audit_log').selectAll().execute()).length;
    });
    assert.equal(seen, 0);
    await transactions.close();
  });

  test('while another process holds the lock, a write is unavailable, not lost and not a fault', async () => {
    const { transactions, path } = await opened();
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const write = () =>
      transactions.write((t) => t.insertInto('audit_log').values(entry('one')).execute());
    await assert.rejects(
      write(),
      (error) => error instanceof StorageUnavailable && /locked/.test(error.message),
    );
    other.exec('ROLLBACK');
    await write();
    other.close();
    await transactions.close();
  });

  test('a full disk is unavailable, and what was committed stays', async () => {
    const { transactions } = await opened();
    await transactions.write((t) => t.insertInto('audit_log').values(entry('kept')).execute());
    const { rows } = await sql<{ page_count: number }>`PRAGMA page_count`.execute(
      transactions.schema,
    );
    await sql.raw(`PRAGMA max_page_count = ${rows[0]?.page_count}`).execute(transactions.schema);
    const large = { ...entry('large'), details: 'x'.repeat(100_000) };
    await assert.rejects(
      transactions.write((t) => t.insertInto('audit_log').values(large).execute()),
      (error) => error instanceof StorageUnavailable && /full/.test(error.message),
    );
    const kept = await transactions.read.selectFrom('audit_log').select('action').execute();
    assert.deepEqual(
      kept.map(({ action }) => action),
      ['kept'],
    );
    await transactions.close();
  });
});
