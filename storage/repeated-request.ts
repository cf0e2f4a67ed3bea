/** Requests that were carried out before: who lost the answer gets it again. */

import type { Kysely } from 'kysely';
import type { Credential } from '../ca/certificate-plan.ts';
import type { ForeseenIntent, IntentOutcome } from '../ca/issuance-ledger.ts';
import type { Database } from './database.ts';
import { repeatedSince } from './factory-certificates.ts';
import { issuanceByCredential } from './issuance-queries.ts';
import { issuanceOf } from './rows.ts';

/**
 * A re-enrollment repeated within this time with the same certificate, key and names is taken for a lost answer and gets the
 * same certificate again; later it is a new renewal. A spent one-time password repeats until it expires.
 */
const repeatWindowMs = 10 * 60_000;

/** What this credential already got for this request; a revoked certificate is never released again. */
export async function repeatOf(
  db: Kysely<Database>,
  intent: ForeseenIntent,
): Promise<IntentOutcome | undefined> {
  const { credential, requestDigest, recordedAt } = intent;
  if (credential.kind === 'operator') return undefined;
  const since = await repeatsSince(db, intent);
  if (!since) return undefined;
  const { rows } = await issuanceByCredential(db, {
    issuer: intent.issuer,
    ...credential,
    requestDigest,
    since: since.toISOString(),
  });
  const [row] = rows;
  // Nobody who lost an answer is helped with one that has expired.
  const over = row && isLasting(credential) && new Date(row.not_after) <= recordedAt;
  return row && !over ? { kind: 'repeated', record: issuanceOf(row) } : undefined;
}

/** Whether a device may come with it again, when its certificate has ended. */
function isLasting({ kind }: Credential): boolean {
  return kind === 'factory-certificate' || kind === 'bootstrap-credential';
}

async function repeatsSince(
  db: Kysely<Database>,
  intent: ForeseenIntent,
): Promise<Date | undefined> {
  const windowBegins = new Date(intent.recordedAt.getTime() - repeatWindowMs);
  switch (intent.credential.kind) {
    case 'one-time-password':
    case 'bootstrap-credential':
      return new Date(0);
    case 'factory-certificate':
      return repeatedSince(db, intent, windowBegins);
    default:
      return windowBegins;
  }
}
