/**
 * How often pairing codes failed for a device. Unlike other failures these do not end by time: who may try a short code
 * again and again, five times in each quarter of an hour, finds it in the end.
 */

import type { Kysely } from 'kysely';
import type { AuthenticationAttempt } from '../enrollment/one-time-password-store.ts';
import { compiledQuery } from './compiled-query.ts';
import type { Database } from './database.ts';

const failuresOf = compiledQuery((db, { device }: { device: string }) =>
  db.selectFrom('pairing_failure').select('failures').where('device', '=', device),
);

export async function pairingFailuresOf(db: Kysely<Database>, device: string): Promise<number> {
  const { rows } = await failuresOf(db, { device });
  return rows[0]?.failures ?? 0;
}

/** The device that a code was sent for, if one could have been used for it; without a user name, that of the code itself. */
const deviceWaiting = compiledQuery(
  (db, { userName, passwordHash, now }: { userName: string; passwordHash: string; now: string }) =>
    db
      .selectFrom('one_time_password')
      .innerJoin('device', 'device.id', 'one_time_password.device')
      .select('device')
      .where('one_time_password.kind', '!=', 'one-time-password')
      .where('one_time_password.state', '=', 'unused')
      .where('one_time_password.expires_at', '>', now)
      .where(({ eb, or }) =>
        or([
          eb('one_time_password.device', '=', userName),
          eb('one_time_password.id', '=', userName),
          eb('one_time_password.password_hash', '=', passwordHash),
        ]),
      )
      // Whom the user name names comes first.
      .orderBy(({ eb }) => eb('one_time_password.password_hash', '=', passwordHash))
      .limit(1),
);

export async function deviceOfCode(
  db: Kysely<Database>,
  { userName, passwordHash, at }: AuthenticationAttempt,
): Promise<string | undefined> {
  const now = at.toISOString();
  const { rows } = await deviceWaiting(db, { userName, passwordHash, now });
  return rows[0]?.device;
}

export async function countPairingFailure(
  transaction: Kysely<Database>,
  device: string,
  at: Date,
): Promise<void> {
  const last_at = at.toISOString();
  await transaction
    .insertInto('pairing_failure')
    .values({ device, failures: 1, last_at })
    .onConflict((conflict) =>
      conflict.column('device').doUpdateSet(({ eb, ref }) => ({
        failures: eb(ref('pairing_failure.failures'), '+', 1),
        last_at,
      })),
    )
    .execute();
}
