/**
 * Counters of failed authentications: per credential and source, per credential, per source, each in a window of time.
 * They are kept in the database, so that they hold for all workers and outlive a restart and a re-issued password.
 */

import { hash } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { CountedAttempt, FailureLimits } from '../enrollment/one-time-password-store.ts';
import { audit } from './audit-trail.ts';
import { compiledQuery } from './compiled-query.ts';
import type { Database } from './database.ts';

interface Bucket {
  readonly name: string;
  readonly limit: number;
}

/**
 * User names are hashed: what was typed into that field may be a password. Without a user name the source alone counts:
 * a counter for all who send none would let one of them pause the others.
 */
function bucketsOf({ userName, source }: CountedAttempt, limits: FailureLimits): Bucket[] {
  const ofSource = { name: `source:${source}`, limit: limits.perSource };
  if (userName === '') return [ofSource];
  const user = hash('sha256', userName, 'base64url').slice(0, 22);
  return [
    ofSource,
    { name: `credential:${user}`, limit: limits.perCredential },
    { name: `credential+source:${user}:${source}`, limit: limits.perCredentialAndSource },
  ];
}

interface BucketNames {
  readonly source: string;
  readonly credential: string;
  readonly both: string;
  readonly now: string;
}

const openWindows = compiledQuery((db, { source, credential, both, now }: BucketNames) =>
  db
    .selectFrom('authentication_failure')
    .selectAll()
    .where('bucket', 'in', [source, credential, both])
    .where('window_ends', '>', now),
);

/** Seconds to wait, or undefined when the attempt may be looked at. */
export async function pauseOf(
  db: Kysely<Database>,
  attempt: CountedAttempt,
  limits: FailureLimits,
): Promise<number | undefined> {
  const buckets = bucketsOf(attempt, limits);
  const [source = '', credential = '', both = ''] = buckets.map(({ name }) => name);
  const now = attempt.at.toISOString();
  const { rows } = await openWindows(db, { source, credential, both, now });
  const waits = rows
    .filter((row) => row.failures >= (buckets.find(({ name }) => name === row.bucket)?.limit ?? 0))
    .map((row) => Date.parse(row.window_ends) - attempt.at.getTime());
  return waits.length === 0 ? undefined : Math.max(1, Math.ceil(Math.max(...waits) / 1000));
}

/** @param failure what was wrong: the reason is for the audit log */
export async function countAudited(
  transaction: Kysely<Database>,
  attempt: CountedAttempt,
  limits: FailureLimits,
  { object, reason }: { readonly object: string; readonly reason: string },
): Promise<void> {
  await countFailure(transaction, attempt, limits);
  await audit(transaction, {
    at: attempt.at,
    actor: attempt.source,
    action: 'authentication.failed',
    object,
    requestId: attempt.requestId,
    details: { reason },
  });
}

/** Adds one to each counter; a window that has ended begins anew. */
async function countFailure(
  transaction: Kysely<Database>,
  attempt: CountedAttempt,
  limits: FailureLimits,
): Promise<void> {
  const now = attempt.at.toISOString();
  const window_ends = new Date(attempt.at.getTime() + limits.windowSeconds * 1000).toISOString();
  await transaction.deleteFrom('authentication_failure').where('window_ends', '<=', now).execute();
  await transaction
    .insertInto('authentication_failure')
    .values(
      bucketsOf(attempt, limits).map(({ name }) => ({ bucket: name, failures: 1, window_ends })),
    )
    .onConflict((conflict) =>
      conflict.column('bucket').doUpdateSet(({ eb, ref }) => ({
        failures: eb(ref('authentication_failure.failures'), '+', 1),
      })),
    )
    .execute();
}
