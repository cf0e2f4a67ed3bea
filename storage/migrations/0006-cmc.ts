import { type Kysely, sql } from 'kysely';

/** What an identity proof of CMC (RFC 5272 section 6.2) is verified with. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('one_time_password').addColumn('cmc_secret', sql`blob`).execute();
}
