import { type Kysely, sql } from 'kysely';

/** The CRLs that were issued, and a count that tells whether something was revoked since. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('crl')
    .addColumn('issuer', 'text', (c) => c.notNull())
    .addColumn('number', 'integer', (c) => c.notNull())
    .addColumn('this_update', 'text', (c) => c.notNull())
    .addColumn('next_update', 'text', (c) => c.notNull())
    .addColumn('revocations', 'integer', (c) => c.notNull())
    .addColumn('der', sql`blob`, (c) => c.notNull())
    .addPrimaryKeyConstraint('crl_number', ['issuer', 'number'])
    .execute();
  await db.schema
    .createTable('revocation_count')
    .addColumn('issuer', 'text', (c) => c.primaryKey())
    .addColumn('revocations', 'integer', (c) => c.notNull())
    .execute();
  await sql`insert into revocation_count
    select issuer, count(*) from issuance where revoked_at is not null group by issuer`.execute(db);
  // Whatever way a certificate is revoked, now or later: none is forgotten on the next CRL.
  await sql`create trigger issuance_revoked after update of revoked_at on issuance
    when old.revoked_at is null and new.revoked_at is not null
    begin
      insert into revocation_count values (new.issuer, 1)
        on conflict (issuer) do update set revocations = revocations + 1;
    end`.execute(db);
  // A CRL of a few is not to cost a walk over all certificates there ever were.
  await sql`create index issuance_revoked on issuance (issuer, not_after, serial_number)
    where revoked_at is not null`.execute(db);
}
