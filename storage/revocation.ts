/**
 * What changes a certificate's status. A revocation is final, but that a key may turn out to be compromised later; a hold is
 * not, and ends in a release or a revocation.
 */

import type { Kysely } from 'kysely';
import type { CertificatesOf, RevocationOrder } from '../ca/issuance-ledger.ts';
import { audit } from './audit-trail.ts';
import type { Database } from './database.ts';
import { announce, type EventSubject } from './outbox.ts';

export interface SerialNumber {
  readonly issuer: string;
  readonly serialNumber: string;
}

type RevocationOf = CertificatesOf | SerialNumber;

const onHold = 'certificateHold';

/**
 * Writes no audit entry.
 * @param subject what is told of the device, where the registry does not know it any more
 * @returns the serial numbers of the certificates and intents that changed
 */
export async function revokeWhatIsLeft(
  transaction: Kysely<Database>,
  of: RevocationOf,
  { reason, at, invalidityDate }: Omit<RevocationOrder, 'by'>,
  subject?: EventSubject,
): Promise<string[]> {
  const rows = await transaction
    .updateTable('issuance')
    .set(({ fn, val, ref }) => ({
      // It was not good since its hold began.
      revoked_at: fn.coalesce('revoked_at', val(at.toISOString())),
      revocation_reason: reason,
      invalidity_date: invalidityDate ? invalidityDate.toISOString() : ref('invalidity_date'),
    }))
    .where((eb) => eb.and(columnsOf(of)))
    .where((eb) =>
      eb.or([
        eb('revoked_at', 'is', null),
        ...(reason === onHold ? [] : [eb('revocation_reason', '=', onHold)]),
        // The one reason that bars the key, whatever the certificate was revoked for before.
        ...(reason === 'keyCompromise' ? [eb('revocation_reason', '<>', reason)] : []),
      ]),
    )
    .returning(['issuer', 'serial_number', 'subscriber', 'issued_at', 'revoked_at'])
    .execute();
  const type = reason === onHold ? 'bestow.certificate.held' : 'bestow.certificate.revoked';
  for (const row of rows) {
    const data = {
      issuer: row.issuer,
      serialNumber: row.serial_number,
      // An intent that never became one, as far as is known.
      issued: row.issued_at !== null,
      reason,
      revokedAt: row.revoked_at,
      ...(invalidityDate ? { invalidityDate } : {}),
    };
    await announce(transaction, subject ?? row.subscriber, { type, at, data });
  }
  return rows.map(({ serial_number }) => serial_number);
}

export function columnsOf(of: RevocationOf) {
  if ('subscriber' in of) return { subscriber: of.subscriber };
  if ('publicKeyDigest' in of) return { public_key_digest: of.publicKeyDigest };
  return { issuer: of.issuer, serial_number: of.serialNumber };
}

/** Revokes or holds, with an audit entry for each certificate that changed. */
export async function revokeAudited(
  transaction: Kysely<Database>,
  of: RevocationOf,
  order: RevocationOrder,
): Promise<void> {
  const { reason, at, by, invalidityDate } = order;
  for (const object of await revokeWhatIsLeft(transaction, of, order))
    await audit(transaction, {
      at,
      actor: by,
      action: reason === onHold ? 'certificate.held' : 'certificate.revoked',
      object,
      details: { reason, invalidityDate, ...('issuer' in of ? {} : of) },
    });
}

/** @returns whether it was on hold */
export async function releaseFromHold(
  transaction: Kysely<Database>,
  { issuer, serialNumber }: SerialNumber,
  { at, by }: Pick<RevocationOrder, 'at' | 'by'>,
): Promise<boolean> {
  const row = await transaction
    .updateTable('issuance')
    .set({ revoked_at: null, revocation_reason: null, invalidity_date: null })
    .where('issuer', '=', issuer)
    .where('serial_number', '=', serialNumber)
    .where('revocation_reason', '=', onHold)
    .returning('subscriber')
    .executeTakeFirst();
  if (!row) return false;
  await audit(transaction, { at, actor: by, action: 'certificate.released', object: serialNumber });
  const data = { issuer, serialNumber };
  await announce(transaction, row.subscriber, { type: 'bestow.certificate.released', at, data });
  return true;
}
