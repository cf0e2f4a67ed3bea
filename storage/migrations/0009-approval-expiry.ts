import type { Kysely } from 'kysely';

/** What has expired is found without a walk over all requests that wait. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createIndex('approval_expiry').on('approval').column('expires_at').execute();
}
