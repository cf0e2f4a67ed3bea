import { type Kysely, sql } from 'kysely';

/** What a Digest response (RFC 7616) is verified with, and the nonces that were used. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('one_time_password').addColumn('digest_secret', sql`blob`).execute();
  await db.schema
    .createIndex('one_time_password_digest')
    .on('one_time_password')
    .column('expires_at')
    .where(sql.ref('digest_secret'), 'is not', null)
    .execute();
  await db.schema
    .createTable('digest_nonce')
    .addColumn('nonce', 'text', (c) => c.primaryKey())
    .addColumn('highest_count', 'bigint', (c) => c.notNull())
    .addColumn('expires_at', 'text', (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex('digest_nonce_expiry')
    .on('digest_nonce')
    .column('expires_at')
    .execute();
}
