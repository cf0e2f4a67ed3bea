import { type Kysely, sql } from 'kysely';

/**
 * Certificates on hold, since when a certificate was not to be trusted, which one a renewal takes the place of, and the
 * latest time the audit log knows.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const column of ['invalidity_date', 'supersedes'])
    await db.schema.alterTable('issuance').addColumn(column, 'text').execute();
  // A hold that ends, either way, changes the next CRL as much as a revocation does.
  await sql`drop trigger issuance_revoked`.execute(db);
  await sql`create trigger issuance_revoked
    after update of revoked_at, revocation_reason, invalidity_date on issuance
    when (old.revoked_at is null) <> (new.revoked_at is null)
      or old.revocation_reason is not new.revocation_reason
      or old.invalidity_date is not new.invalidity_date
    begin
      insert into revocation_count values (new.issuer, 1)
        on conflict (issuer) do update set revocations = revocations + 1;
    end`.execute(db);
  await createAuditClock(db);
}

/** One row. The latest time, not that of the last entry: what a wrong clock writes must not make it look right. */
async function createAuditClock(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('audit_clock')
    .addColumn('latest', 'text', (c) => c.notNull())
    .execute();
  await sql`insert into audit_clock select coalesce(max(at), '') from audit_log`.execute(db);
  await sql`create trigger audit_log_clock after insert on audit_log
    begin update audit_clock set latest = new.at where latest < new.at; end`.execute(db);
}
