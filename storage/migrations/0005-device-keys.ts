import { type Kysely, sql } from 'kysely';

/** Keys that devices decrypt with (RFC 7030 section 4.4.1); they go with their device. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('device_key')
    .addColumn('device', 'text', (c) => c.notNull().references('device.id').onDelete('cascade'))
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('material', sql`blob`, (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('device_key_id', ['device', 'id'])
    .execute();
}
