import { type Kysely, sql } from 'kysely';

/** The key that a device is known by, and the questions of provisioning in place of the switches that answered two of them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const column of ['first_key', 'first_key_at', 'foreign_key'])
    await db.schema.alterTable('device').addColumn(column, 'text').execute();
  await sql`create index device_first_key on device (first_key) where first_key is not null`.execute(
    db,
  );
  await sql`update device_group set settings = json_set(settings, '$.possession', 'pairing-code')
    where json_extract(settings, '$.pairingCodes') = 1`.execute(db);
  // Whoever has a factory certificate is good by it alone, as before; passwords are not taken beside it any more.
  await sql`update device_group
    set settings = json_set(settings, '$.identity', 'factory-certificate', '$.possession', 'none',
      '$.cmcSharedSecret', json('false'))
    where json_extract(settings, '$.factoryCertificates') = 'listed'`.execute(db);
  await sql`update device_group
    set settings = json_remove(settings, '$.pairingCodes', '$.factoryCertificates')`.execute(db);
}
