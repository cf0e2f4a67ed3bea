import { type Kysely, sql } from 'kysely';

/** Manufacturers with their trust anchors, which are no part of ca_state, and which device has whose factory certificate. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('manufacturer')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('serial_from', 'text', (c) => c.notNull())
    .addColumn('model_from', 'text')
    .addColumn('models', 'text', (c) => c.notNull())
    .addColumn('tenants', 'text', (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('manufacturer_certificate')
    .addColumn('manufacturer', 'text', (c) => c.notNull().references('manufacturer.id'))
    .addColumn('role', 'text', (c) => c.notNull())
    .addColumn('position', 'integer', (c) => c.notNull())
    .addColumn('public_key_digest', 'text', (c) => c.notNull())
    .addColumn('der', 'blob', (c) => c.notNull())
    .addPrimaryKeyConstraint('manufacturer_certificate_place', ['manufacturer', 'role', 'position'])
    .execute();
  await db.schema
    .createIndex('manufacturer_certificate_key')
    .on('manufacturer_certificate')
    .column('public_key_digest')
    .execute();
  await db.schema
    .alterTable('device')
    .addColumn('manufacturer', 'text', (c) => c.references('manufacturer.id'))
    .execute();
  for (const column of ['factory_key', 'factory_used_at', 'foreign_factory_key'])
    await db.schema.alterTable('device').addColumn(column, 'text').execute();
  // A serial number of a manufacturer is of one device, and so is a factory key.
  await sql`create unique index device_factory_number on device (manufacturer, serial_number)
    where manufacturer is not null`.execute(db);
  await sql`create unique index device_factory_key on device (factory_key)
    where factory_key is not null`.execute(db);
}
