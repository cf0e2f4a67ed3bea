import { type Kysely, sql } from 'kysely';

/** Secrets that a batch of devices shares, and who used them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('bootstrap_credential')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('device_group', 'text', (c) => c.notNull().references('device_group.label'))
    .addColumn('secret_hash', 'text', (c) => c.notNull().unique())
    .addColumn('quota', 'integer', (c) => c.notNull())
    .addColumn('uses', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('not_before', 'text', (c) => c.notNull())
    .addColumn('not_after', 'text', (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addColumn('created_by', 'text', (c) => c.notNull())
    .addColumn('exceeded_at', 'text')
    .addCheckConstraint('within_quota', sql`uses between 0 and quota`)
    .execute();
  // No reference to the device: who was removed from the registry has used it all the same.
  await db.schema
    .createTable('bootstrap_use')
    .addColumn('credential', 'text', (c) => c.notNull().references('bootstrap_credential.id'))
    .addColumn('device', 'text', (c) => c.notNull())
    .addColumn('public_key_digest', 'text', (c) => c.notNull())
    .addColumn('at', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('one_use', ['credential', 'device', 'public_key_digest'])
    .execute();
}
