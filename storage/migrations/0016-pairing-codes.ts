import { type Kysely, sql } from 'kysely';

/** One-time passwords that people can type, how often they failed, and the order lists devices came in by. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('one_time_password')
    .addColumn('kind', 'text', (c) => c.notNull().defaultTo('one-time-password'))
    .execute();
  await db.schema
    .createTable('pairing_failure')
    .addColumn('device', 'text', (c) => c.primaryKey().references('device.id').onDelete('cascade'))
    .addColumn('failures', 'integer', (c) => c.notNull())
    .addColumn('last_at', 'text', (c) => c.notNull())
    .execute();
  // Whatever spends a password of the device, its failures are history then.
  await sql`create trigger pairing_failures_end after update of state on one_time_password
    when new.state = 'spent' and old.state <> 'spent'
    begin delete from pairing_failure where device = new.device; end`.execute(db);
  await createOrderLists(db);
}

async function createOrderLists(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('order_list')
    .addColumn('digest', 'text', (c) => c.primaryKey())
    .addColumn('begun_at', 'text', (c) => c.notNull())
    .addColumn('begun_by', 'text', (c) => c.notNull())
    .addColumn('row', 'integer', (c) => c.notNull())
    .addColumn('added', 'integer', (c) => c.notNull())
    .addColumn('refused', 'integer', (c) => c.notNull())
    .addColumn('errors_length', 'integer', (c) => c.notNull())
    .addColumn('finished_at', 'text')
    .addColumn('credentials_at', 'text')
    .execute();
  await db.schema
    .alterTable('device')
    .addColumn('order_list', 'text', (c) => c.references('order_list.digest'))
    .execute();
  await db.schema
    .createIndex('device_order_list')
    .on('device')
    .columns(['order_list', 'id'])
    .execute();
}
