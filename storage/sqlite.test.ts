/**
 * What is SQLite's own: durability settings, migrations, locks, group commit.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import { type Migration, Migrator, sql } from 'kysely';
import type { Intent } from '../ca/issuance-ledger.ts';
import { defaultSettings } from '../enrollment/group-settings.ts';
import { GroupCommit } from './group-commit.ts';
import { migrate } from './migrate.ts';
import * as registryAndLedger from './migrations/0001-registry-and-ledger.ts';
import * as groupLinking from './migrations/0002-group-linking.ts';
import { openSqliteFile } from './node-sqlite.ts';
import { deviceOf, groupOf, issuanceOf } from './rows.ts';
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

  /** A database as it was after these migrations. */
  async function older(applied: Record<string, Migration>) {
    const transactions = new GroupCommit({ path: newFile(), busyTimeout });
    const { schema } = transactions;
    const provider = { getMigrations: async () => applied };
    await new Migrator({ db: schema, provider }).migrateToLatest();
    await sql`insert into tenant values ('t', '[]', 0, '2026')`.execute(schema);
    return { schema, close: () => transactions.close() };
  }
  const first = { '0001-registry-and-ledger': registryAndLedger };
  const second = { ...first, '0002-group-linking': groupLinking };

  test('of an older version is brought up to date, and keeps what it holds', async () => {
    const { schema, close } = await older(first);
    await sql`insert into device_group values ('g', 't', '2026')`.execute(schema);
    await migrate(schema);
    const group = await schema.selectFrom('device_group').selectAll().executeTakeFirst();
    assert.deepEqual(
      { ...group },
      { label: 'g', tenant: 't', created_at: '2026', settings: '{"linking":"optional"}' },
    );
    await close();
  });

  test('before groups had settings: linking stays as it was set', async () => {
    const { schema, close } = await older(second);
    for (const linking of ['off', 'optional', 'required'])
      await sql`insert into device_group values (${linking}, 't', '2026', ${linking})`.execute(
        schema,
      );
    await migrate(schema);
    const rows = await schema.selectFrom('device_group').selectAll().execute();
    assert.deepEqual(
      rows.map((row) => [row.label, groupOf(row).settings]),
      ['off', 'optional', 'required'].map((linking) => [linking, { ...defaultSettings, linking }]),
    );
    await close();
  });

  test('before there were registration authorities: every device is a device, every certificate its own', async () => {
    const { schema, close } = await older(second);
    await sql`insert into device_group values ('g', 't', '2026', 'required')`.execute(schema);
    await sql`insert into device values ('d', 't', 'g', null, '[]', 'active', '2026')`.execute(
      schema,
    );
    await sql`insert into issuance values ('i', '01', x'3000', x'3001', 'key', 'request', 'device', 'd',
      'one-time-password', 'otp', '2026', '2027', 'r', '2026', '2026', null, null)`.execute(schema);
    await migrate(schema);
    const device = await schema.selectFrom('device').selectAll().executeTakeFirstOrThrow();
    assert.equal(deviceOf(device).role, 'device');
    const issuance = await schema.selectFrom('issuance').selectAll().executeTakeFirstOrThrow();
    const { relayedBy, revocationChallenge, subscriber } = issuanceOf(issuance);
    assert.deepEqual([relayedBy, revocationChallenge, subscriber], [undefined, undefined, 'd']);
    assert.deepEqual(await schema.selectFrom('approval').selectAll().execute(), []);
    await close();
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

  test('closing ends what was asked for, and begins nothing more', async () => {
    const { transactions, path } = await opened();
    const write = (action: string) =>
      transactions.write((db) => db.insertInto('audit_log').values(entry(action)).execute());
    const before = write('before');
    const closing = transactions.close();
    await assert.rejects(write('meanwhile'), StorageUnavailable);
    await before;
    await assert.rejects(write('in time for the file'), StorageUnavailable);
    await closing;
    await assert.rejects(write('after'), StorageUnavailable);
    const reader = new DatabaseSync(path, { readOnly: true });
    const rows = reader.prepare('select action from audit_log').all();
    reader.close();
    assert.deepEqual(
      rows.map(({ action }) => action),
      ['before'],
    );
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
