import type { Kysely } from 'kysely';

/** Where devices are, what else is known of them, and which upstream endpoints they get for it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const column of ['region', 'site', 'building'])
    await db.schema.alterTable('device').addColumn(column, 'text').execute();
  await db.schema
    .alterTable('device')
    .addColumn('context', 'text', (c) => c.notNull().defaultTo('{}'))
    .execute();
  await db.schema
    .alterTable('device')
    .addColumn('quarantined', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
  await db.schema.alterTable('tenant').addColumn('quarantine', 'text').execute();
  // What a request showed stays known with the certificate that it brought.
  await db.schema.alterTable('issuance').addColumn('found_regions', 'text').execute();
  await db.schema
    .createTable('allocation_policy')
    .addColumn('label', 'text', (c) => c.primaryKey().references('device_group.label'))
    .addColumn('policy', 'text', (c) => c.notNull())
    .addColumn('set_at', 'text', (c) => c.notNull())
    .addColumn('set_by', 'text', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('endpoint_down')
    .addColumn('endpoint', 'text', (c) => c.primaryKey())
    .addColumn('since', 'text', (c) => c.notNull())
    .addColumn('by', 'text', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('allocation_revision')
    .addColumn('number', 'integer', (c) => c.notNull())
    .execute();
  await db
    .withTables<{ allocation_revision: { number: number } }>()
    .insertInto('allocation_revision')
    .values({ number: 0 })
    .execute();
}
