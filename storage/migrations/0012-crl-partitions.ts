import { type Kysely, sql } from 'kysely';

/**
 * Partitions of CRLs; their octets in pieces; counts of revocations for each partition; whose turn it is to make a CRL.
 * Partition 0 is the whole CRL of an issuer.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('issuance')
    .addColumn('crl_partition', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
  await createCrls(db);
  await countByScope(db);
  await indexRevoked(db);
  await db.schema
    .createTable('crl_url')
    .addColumn('issuer', 'text', (c) => c.notNull())
    .addColumn('partition', 'integer', (c) => c.notNull())
    .addColumn('url', 'text', (c) => c.notNull())
    .addColumn('opened_at', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('crl_url_of_scope', ['issuer', 'partition', 'url'])
    .execute();
  await db.schema
    .createTable('crl_turn')
    .addColumn('issuer', 'text', (c) => c.notNull())
    .addColumn('partition', 'integer', (c) => c.notNull())
    .addColumn('taken_by', 'text', (c) => c.notNull())
    .addColumn('until', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('crl_turn_of_scope', ['issuer', 'partition'])
    .execute();
}

async function createCrls(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('crl_octets')
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('piece', 'integer', (c) => c.notNull())
    .addColumn('octets', sql`blob`, (c) => c.notNull())
    .addPrimaryKeyConstraint('crl_octets_piece', ['id', 'piece'])
    .execute();
  await db.schema
    .createTable('crl_draft')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('begun_at', 'text', (c) => c.notNull())
    .execute();
  await db.schema.alterTable('crl').renameTo('crl_before').execute();
  await db.schema
    .createTable('crl')
    .addColumn('issuer', 'text', (c) => c.notNull())
    .addColumn('partition', 'integer', (c) => c.notNull())
    .addColumn('number', 'integer', (c) => c.notNull())
    .addColumn('this_update', 'text', (c) => c.notNull())
    .addColumn('next_update', 'text', (c) => c.notNull())
    .addColumn('revocations', 'integer', (c) => c.notNull())
    .addColumn('size', 'integer', (c) => c.notNull())
    .addColumn('octets', 'text', (c) => c.notNull().unique())
    .addPrimaryKeyConstraint('crl_number_of_scope', ['issuer', 'partition', 'number'])
    .execute();
  await sql`insert into crl_octets select issuer || '-' || number, 0, der from crl_before`.execute(
    db,
  );
  await sql`insert into crl select issuer, 0, number, this_update, next_update, revocations, length(der),
    issuer || '-' || number from crl_before`.execute(db);
  await db.schema.dropTable('crl_before').execute();
}

async function countByScope(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('revocation_count').renameTo('revocation_count_before').execute();
  await db.schema
    .createTable('revocation_count')
    .addColumn('issuer', 'text', (c) => c.notNull())
    .addColumn('partition', 'integer', (c) => c.notNull())
    .addColumn('revocations', 'integer', (c) => c.notNull())
    .addPrimaryKeyConstraint('revocation_count_of_scope', ['issuer', 'partition'])
    .execute();
  await sql`insert into revocation_count select issuer, 0, revocations from revocation_count_before`.execute(
    db,
  );
  await sql`drop trigger issuance_revoked`.execute(db);
  await db.schema.dropTable('revocation_count_before').execute();
  await sql`create trigger issuance_revoked
    after update of revoked_at, revocation_reason, invalidity_date on issuance
    when (old.revoked_at is null) <> (new.revoked_at is null)
      or old.revocation_reason is not new.revocation_reason
      or old.invalidity_date is not new.invalidity_date
    begin
      insert into revocation_count values (new.issuer, 0, 1)
        on conflict (issuer, partition) do update set revocations = revocations + 1;
      insert into revocation_count select new.issuer, new.crl_partition, 1 where new.crl_partition > 0
        on conflict (issuer, partition) do update set revocations = revocations + 1;
    end`.execute(db);
}

/** In the order of the CRL, and with all that an entry says, so that a million are read from the index alone. */
async function indexRevoked(db: Kysely<unknown>): Promise<void> {
  const said = sql`serial_number, not_after, revoked_at, revocation_reason, invalidity_date`;
  await sql`drop index issuance_revoked`.execute(db);
  await sql`create index issuance_revoked on issuance (issuer, ${said})
    where revoked_at is not null`.execute(db);
  await sql`create index issuance_revoked_partition on issuance (issuer, crl_partition, ${said})
    where revoked_at is not null and crl_partition > 0`.execute(db);
}
