import { type Kysely, sql } from 'kysely';

/** Events, written beside what they report; webhooks, and what was delivered to them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('event')
    // A number that was deleted is not given again: webhooks remember how far they have come.
    .addColumn('sequence', 'integer', (c) => c.primaryKey().autoIncrement())
    .addColumn('id', 'text', (c) => c.notNull().unique())
    .addColumn('type', 'text', (c) => c.notNull())
    .addColumn('at', 'text', (c) => c.notNull())
    .addColumn('tenant', 'text')
    .addColumn('device', 'text')
    .addColumn('data', 'text', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('event_at').on('event').column('at').execute();
  await db.schema
    .createIndex('event_of_device')
    .on('event')
    .columns(['device', 'sequence'])
    .execute();
  await createWebhooks(db);
  // What the certificate says, to know when a device is sent elsewhere; null for those before.
  await db.schema.alterTable('issuance').addColumn('endpoints', 'text').execute();
}

async function createWebhooks(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('webhook')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('url', 'text', (c) => c.notNull())
    .addColumn('purpose', 'text', (c) => c.notNull())
    .addColumn('types', 'text', (c) => c.notNull())
    .addColumn('tenant', 'text')
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('reason', 'text')
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addColumn('cursor', 'integer', (c) => c.notNull())
    .addColumn('taken_by', 'text')
    .addColumn('taken_until', 'text')
    .execute();
  await db.schema
    .createTable('webhook_secret')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('webhook', 'text', (c) => c.notNull().references('webhook.id'))
    .addColumn('sealed', sql`blob`, (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'text')
    .execute();
  await db.schema
    .createTable('webhook_delivery')
    .addColumn('webhook', 'text', (c) => c.notNull().references('webhook.id'))
    .addColumn('event', 'integer', (c) => c.notNull().references('event.sequence'))
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('attempts', 'integer', (c) => c.notNull())
    .addColumn('next_attempt_at', 'text')
    .addColumn('attempted_at', 'text')
    .addColumn('status', 'integer')
    .addColumn('problem', 'text')
    .addPrimaryKeyConstraint('webhook_delivery_of_event', ['webhook', 'event'])
    .execute();
  await db.schema
    .createIndex('webhook_delivery_event')
    .on('webhook_delivery')
    .column('event')
    .execute();
  await sql`create index webhook_delivery_due on webhook_delivery (webhook, next_attempt_at)
    where state = 'pending'`.execute(db);
}
