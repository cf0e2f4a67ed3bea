/**
 * Makes a copy of the database fit to go on from, though the original went on after it was taken: what may have been
 * used since cannot be used again, and what was said since is not contradicted.
 */

import type { Kysely } from 'kysely';
import { audit } from './audit-trail.ts';
import type { Database } from './database.ts';
import { GroupCommit } from './group-commit.ts';
import { migrate } from './migrate.ts';
import { markMovedAway, removeMark } from './move-mark.ts';
import { skipEventNumbers } from './outbox.ts';
import { revokeAudited } from './revocation.ts';
import type { StorageConfig } from './stores.ts';
import type { Transactions } from './transactions.ts';

export interface RestorationOrder {
  readonly at: Date;
  /** Who restores, for the audit log. */
  readonly by: string;
  /** When the copy was taken. */
  readonly takenAt: Date;
  /** The original was stopped before the copy was taken, and never ran again: then nothing was used since. */
  readonly nothingHappenedSince: boolean;
}

/** What was done about the time that is missing. */
export interface Restored {
  readonly passwordsRevoked: number;
  readonly bootstrapCredentialsRevoked: number;
  readonly requestsForgotten: number;
  /** Serial numbers of intents, now on hold: they may have become certificates since. */
  readonly intentsHeld: readonly string[];
  /** The next CRL of every issuer has at least this number. */
  readonly crlNumber: number;
}

/** @throws StorageUnavailable, SchemaError */
export async function openRestoration({ sqlite, busyTimeout }: StorageConfig) {
  const transactions = new GroupCommit({ path: sqlite, busyTimeout });
  try {
    await migrate(transactions.schema);
  } catch (error) {
    await transactions.close();
    throw error;
  }
  return { transactions, close: () => transactions.close() };
}

/** All or nothing, with one audit entry that says what. */
export function restoreSafely(
  transactions: Transactions,
  order: RestorationOrder,
): Promise<Restored> {
  return transactions.write(async (transaction) => {
    const { at, by, takenAt, nothingHappenedSince } = order;
    await skipEventNumbers(transaction, at);
    const restored = {
      ...(nothingHappenedSince ? noneUsed : await withdrawWhatMayBeUsed(transaction, order)),
      crlNumber: await skipCrlNumbers(transaction, at),
    };
    await audit(transaction, {
      at,
      actor: by,
      action: 'database.restored',
      object: 'database',
      details: { takenAt, nothingHappenedSince, ...restored },
    });
    return restored;
  });
}

const noneUsed = {
  passwordsRevoked: 0,
  bootstrapCredentialsRevoked: 0,
  requestsForgotten: 0,
  intentsHeld: [],
};

async function withdrawWhatMayBeUsed(transaction: Kysely<Database>, { at, by }: RestorationOrder) {
  const passwords = await transaction
    .updateTable('one_time_password')
    .set({ state: 'revoked' })
    .where('state', '=', 'unused')
    .executeTakeFirst();
  const bootstrapCredentials = await transaction
    .updateTable('bootstrap_credential')
    .set({ state: 'revoked' })
    .where('state', '=', 'active')
    .executeTakeFirst();
  const now = at.toISOString();
  // A rejection stands; an approval may have been used up.
  const requests = await transaction
    .updateTable('approval')
    .set({ expires_at: now })
    .where('state', 'in', ['pending', 'approved'])
    .where('expires_at', '>', now)
    .executeTakeFirst();
  return {
    passwordsRevoked: Number(passwords.numUpdatedRows),
    bootstrapCredentialsRevoked: Number(bootstrapCredentials.numUpdatedRows),
    requestsForgotten: Number(requests.numUpdatedRows),
    intentsHeld: await holdIntents(transaction, at, by),
  };
}

/**
 * An intent may have become a certificate after the copy was taken. To sign it now would make a second certificate of the
 * same serial number; to revoke it for good could not be taken back when a device comes with the first.
 */
async function holdIntents(transaction: Kysely<Database>, at: Date, by: string): Promise<string[]> {
  const intents = await transaction
    .selectFrom('issuance')
    .select(['issuer', 'serial_number'])
    .where('certificate', 'is', null)
    .where('revoked_at', 'is', null)
    .execute();
  for (const { issuer, serial_number: serialNumber } of intents)
    await revokeAudited(
      transaction,
      { issuer, serialNumber },
      { reason: 'certificateHold', at, by },
    );
  return intents.map(({ serial_number }) => serial_number);
}

/**
 * The numbers go on from the milliseconds since 1970: above all that were ever given, since no CA issues a CRL in each
 * millisecond of its life. The CRLs of the copy are dropped: newer ones were published since.
 */
async function skipCrlNumbers(transaction: Kysely<Database>, at: Date): Promise<number> {
  const newest = await transaction.deleteFrom('crl').returning('number').execute();
  for (const table of ['crl_octets', 'crl_draft', 'crl_turn'] as const)
    await transaction.deleteFrom(table).execute();
  const next = newest.reduce((most, { number }) => Math.max(most, number + 1), at.getTime());
  return raiseCrlNumber(transaction, next);
}

/** @returns the number that the next CRL will have at least */
export async function raiseCrlNumber(
  transaction: Kysely<Database>,
  number: number,
): Promise<number> {
  const floor = await transaction
    .selectFrom('crl_number_floor')
    .select('number')
    .executeTakeFirst();
  if (floor && floor.number >= number) return floor.number;
  await transaction.deleteFrom('crl_number_floor').execute();
  await transaction.insertInto('crl_number_floor').values({ number }).execute();
  return number;
}

/**
 * Says in the database that it goes on elsewhere: it cannot be opened any more.
 * @param takeLastCopy runs while nobody else can write; when it fails, nothing is said
 */
export async function moveAway<T>(
  config: StorageConfig,
  { at, by }: { readonly at: Date; readonly by: string },
  takeLastCopy: () => Promise<T>,
): Promise<T> {
  const { transactions, close } = await openRestoration(config);
  try {
    return await transactions.write(async (transaction) => {
      await markMovedAway(transaction, at, by);
      return takeLastCopy();
    });
  } finally {
    await close();
  }
}

/** Takes that back. @returns whether it was said */
export async function callOff(config: StorageConfig, at: Date, by: string): Promise<boolean> {
  const { transactions, close } = await openRestoration(config);
  try {
    return await transactions.write((transaction) => removeMark(transaction, at, by));
  } finally {
    await close();
  }
}
