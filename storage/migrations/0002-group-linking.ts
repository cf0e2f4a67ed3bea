import type { Kysely } from 'kysely';

/** Whether requests of a group must be tied to their TLS connection (RFC 7030 section 3.5). */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('device_group')
    .addColumn('linking', 'text', (c) => c.notNull().defaultTo('optional'))
    .execute();
}
