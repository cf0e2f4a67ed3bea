import { type Kysely, sql } from 'kysely';

/** Devices that are sent elsewhere a few at a time. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('campaign')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('change', 'text', (c) => c.notNull())
    .addColumn('pace_devices', 'integer', (c) => c.notNull())
    .addColumn('pace_seconds', 'integer', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('next_release_at', 'text', (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addColumn('created_by', 'text', (c) => c.notNull())
    .addColumn('ended_at', 'text')
    .execute();
  await db.schema
    .createTable('campaign_device')
    .addColumn('campaign', 'text', (c) => c.notNull().references('campaign.name'))
    // No reference: a device that is removed stays in the report.
    .addColumn('device', 'text', (c) => c.notNull())
    .addColumn('position', 'integer', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('former', 'text', (c) => c.notNull())
    .addColumn('active', 'integer', (c) => c.notNull())
    .addColumn('released_at', 'text')
    .addColumn('moved_at', 'text')
    .addColumn('renewed', 'text')
    .addColumn('checked_at', 'text')
    .addColumn('reason', 'text')
    .addPrimaryKeyConstraint('campaign_device_once', ['campaign', 'device'])
    .execute();
  await db.schema
    .createIndex('campaign_device_turn')
    .on('campaign_device')
    .columns(['campaign', 'state', 'position'])
    .execute();
  await sql`create unique index campaign_device_active on campaign_device (device)
    where active = 1`.execute(db);
  await sql`create index campaign_device_renewed on campaign_device (campaign)
    where state = 'released' and renewed is not null`.execute(db);
  // Whatever issues the certificate, who waits for it hears of it; where no campaign runs that is a look into an empty index.
  await sql`create trigger campaign_device_renews after update of certificate on issuance
    when new.certificate is not null and new.subscriber is not null
    begin
      update campaign_device set renewed = new.serial_number, checked_at = null
        where device = new.subscriber and active = 1 and state = 'released';
    end`.execute(db);
}
