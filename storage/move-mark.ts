/**
 * The mark of a database whose last copy was taken.
 */

import type { Kysely } from 'kysely';
import { audit } from './audit-trail.ts';
import type { Database } from './database.ts';
import { MovedAway } from './moved-away.ts';

/** @throws MovedAway */
export async function refuseMovedAway(db: Kysely<Database>): Promise<void> {
  const row = await db.selectFrom('moved_away').selectAll().executeTakeFirst();
  if (row)
    throw new MovedAway(
      `The last copy of this data directory was taken at ${row.at} by ${row.by}, to go on elsewhere. If it does not, run \`bestow backup call-off\`.`,
    );
}

export async function markMovedAway(
  transaction: Kysely<Database>,
  at: Date,
  by: string,
): Promise<void> {
  await transaction.insertInto('moved_away').values({ at: at.toISOString(), by }).execute();
  await audit(transaction, { at, actor: by, action: 'database.moved-away', object: 'database' });
}

/** @returns whether there was a mark */
export async function removeMark(
  transaction: Kysely<Database>,
  at: Date,
  by: string,
): Promise<boolean> {
  const [row] = await transaction.deleteFrom('moved_away').returning('at').execute();
  const action = 'database.move-called-off';
  if (row) await audit(transaction, { at, actor: by, action, object: 'database' });
  return row !== undefined;
}
