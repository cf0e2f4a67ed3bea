import type { Kysely } from 'kysely';

/** Devices that wait for a person who confirms their first key, and keys that are barred everywhere. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createStagedDevices(db);
  await db.schema
    .createTable('banned_key')
    .addColumn('public_key_digest', 'text', (c) => c.primaryKey())
    .addColumn('reason', 'text')
    .addColumn('banned_at', 'text', (c) => c.notNull())
    .addColumn('banned_by', 'text', (c) => c.notNull())
    .execute();
}

async function createStagedDevices(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('staged_device')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('device_group', 'text', (c) => c.notNull())
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('device', 'text', (c) => c.notNull())
    .addColumn('newcomer', 'integer', (c) => c.notNull())
    .addColumn('public_key_digest', 'text', (c) => c.notNull())
    .addColumn('serial_number', 'text')
    .addColumn('model', 'text')
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('names', 'text', (c) => c.notNull())
    .addColumn('credential_kind', 'text', (c) => c.notNull())
    .addColumn('credential_id', 'text', (c) => c.notNull())
    .addColumn('factory_subject', 'text')
    .addColumn('code_hash', 'text')
    .addColumn('wrong_codes', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('asks', 'integer', (c) => c.notNull().defaultTo(1))
    .addColumn('source', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('confirmed_as', 'text')
    .addColumn('reason', 'text')
    .addColumn('decided_by', 'text')
    .addColumn('decided_at', 'text')
    .addColumn('first_seen', 'text', (c) => c.notNull())
    .addColumn('last_seen', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'text', (c) => c.notNull())
    .execute();
  // Found again by device and key; counted by device, group and source; purged by expiry.
  for (const columns of [
    ['device', 'public_key_digest'],
    ['public_key_digest', 'state'],
    ['device_group', 'state', 'expires_at'],
    ['source', 'state', 'expires_at'],
    ['expires_at'],
  ])
    await db.schema
      .createIndex(`staged_device_${columns.join('_')}`)
      .on('staged_device')
      .columns(columns)
      .execute();
}
