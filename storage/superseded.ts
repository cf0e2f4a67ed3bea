/** What becomes of a certificate that a renewal took the place of. */

import type { Kysely } from 'kysely';
import type { Renewal } from '../ca/issuance-ledger.ts';
import type { Database } from './database.ts';
import { revokeAudited, type SerialNumber } from './revocation.ts';

/** The new certificate keeps the number of the old one until it is used, so that its answer can be repeated. */
export async function supersedeAtOnce(
  transaction: Kysely<Database>,
  of: SerialNumber,
  at: Date,
): Promise<void> {
  await revokeOld(
    transaction,
    await placeOf(transaction, of),
    at,
    `its renewal as ${of.serialNumber}`,
  );
}

/** Once, however many requests by the new certificate come at the same time. */
export async function supersedeByUse(
  transaction: Kysely<Database>,
  of: SerialNumber,
  at: Date,
): Promise<void> {
  const place = await placeOf(transaction, of);
  if (!place?.supersedes) return;
  await transaction
    .updateTable('issuance')
    .set({ supersedes: null })
    .where('issuer', '=', of.issuer)
    .where('serial_number', '=', of.serialNumber)
    .execute();
  await revokeOld(transaction, place, at, `its use of ${of.serialNumber}`);
}

interface Place {
  readonly supersedes: string | null;
  readonly subscriber: string | null;
}

function placeOf(
  transaction: Kysely<Database>,
  { issuer, serialNumber }: SerialNumber,
): Promise<Place | undefined> {
  return transaction
    .selectFrom('issuance')
    .select(['supersedes', 'subscriber'])
    .where('issuer', '=', issuer)
    .where('serial_number', '=', serialNumber)
    .executeTakeFirst();
}

/** Under its own issuer: the CA may have another key since. It is the same device's, or it stays as it is. */
async function revokeOld(
  transaction: Kysely<Database>,
  place: Place | undefined,
  at: Date,
  act: string,
): Promise<void> {
  if (!place?.supersedes || place.subscriber === null) return;
  const { supersedes: serialNumber, subscriber } = place;
  const olds = await transaction
    .selectFrom('issuance')
    .select('issuer')
    .where('subscriber', '=', subscriber)
    .where('serial_number', '=', serialNumber)
    .execute();
  const order = { reason: 'superseded', at, by: `${subscriber} by ${act}` } as const;
  for (const { issuer } of olds) await revokeAudited(transaction, { issuer, serialNumber }, order);
}

/** @see IssuanceLedger.renewalOf */
export function renewalOnRecord(
  read: Kysely<Database>,
  { serialNumber, subscriber, requestDigest, issuedSince }: Renewal,
) {
  return read
    .selectFrom('issuance')
    .selectAll()
    .where('credential_kind', '=', 'client-certificate')
    .where('credential_id', '=', serialNumber)
    .where('supersedes', '=', serialNumber)
    .where('subscriber', '=', subscriber)
    .where('request_digest', '=', requestDigest)
    .where('certificate', 'is not', null)
    .where('issued_at', '>=', issuedSince.toISOString())
    .where('revoked_at', 'is', null)
    .orderBy('issued_at', 'desc')
    .limit(1)
    .executeTakeFirst();
}
