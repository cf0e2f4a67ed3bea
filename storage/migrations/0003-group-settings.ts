import { type Kysely, sql } from 'kysely';

/** Settings of groups, roles of devices, and what a certificate may further owe its existence to. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('device_group')
    .addColumn('settings', 'text', (c) => c.notNull().defaultTo('{}'))
    .execute();
  await sql`update device_group set settings = '{"linking":"' || linking || '"}'`.execute(db);
  await db.schema.alterTable('device_group').dropColumn('linking').execute();
  await db.schema
    .alterTable('device')
    .addColumn('role', 'text', (c) => c.notNull().defaultTo('device'))
    .execute();
  for (const column of ['relayed_by', 'revocation_challenge', 'approval'])
    await db.schema.alterTable('issuance').addColumn(column, 'text').execute();
  await createApprovals(db);
}

async function createApprovals(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('approval')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('device', 'text', (c) => c.notNull())
    .addColumn('request_digest', 'text', (c) => c.notNull())
    .addColumn('public_key_digest', 'text', (c) => c.notNull())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('names', 'text', (c) => c.notNull())
    .addColumn('profile', 'text', (c) => c.notNull())
    .addColumn('source', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('reason', 'text')
    .addColumn('decided_by', 'text')
    .addColumn('decided_at', 'text')
    .addColumn('first_seen', 'text', (c) => c.notNull())
    .addColumn('last_seen', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'text', (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex('approval_request')
    .on('approval')
    .columns(['device', 'request_digest', 'first_seen'])
    .execute();
  await db.schema.createIndex('approval_state').on('approval').column('state').execute();
}
