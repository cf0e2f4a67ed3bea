import type { Kysely } from 'kysely';

/** What a database has to know after it was restored from a copy, or has moved away; at most one row each. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('crl_number_floor')
    .addColumn('number', 'integer', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('moved_away')
    .addColumn('at', 'text', (c) => c.notNull())
    .addColumn('by', 'text', (c) => c.notNull())
    .execute();
}
