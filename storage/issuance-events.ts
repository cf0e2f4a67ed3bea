/** What is told of certificates: that there is one, what it made of its device, and what became of it. */

import type { Kysely } from 'kysely';
import type { Database } from './database.ts';
import { announce, isAnnounced, type NewEvent } from './outbox.ts';
import type { SerialNumber } from './revocation.ts';

type Row = Awaited<ReturnType<typeof issuance>>;

function issuance(db: Kysely<Database>, { issuer, serialNumber }: SerialNumber) {
  return db
    .selectFrom('issuance')
    .leftJoin('device', 'device.id', 'issuance.subscriber')
    .select([
      'issuance.subscriber',
      'issuance.profile',
      'issuance.public_key_digest',
      'issuance.credential_kind',
      'issuance.relayed_by',
      'issuance.approval',
      'issuance.not_before',
      'issuance.not_after',
      'issuance.endpoints',
      'device.created_at',
    ])
    .where('issuance.issuer', '=', issuer)
    .where('issuance.serial_number', '=', serialNumber)
    .executeTakeFirstOrThrow();
}

/** The certificate that the device got before; certificates of an earlier device of the same name are not its own. */
function formerCertificate(db: Kysely<Database>, { serialNumber }: SerialNumber, row: Row) {
  return db
    .selectFrom('issuance')
    .select('endpoints')
    .where('subscriber', '=', row.subscriber)
    .where('serial_number', '<>', serialNumber)
    .where('certificate', 'is not', null)
    .where('recorded_at', '>=', row.created_at ?? '')
    .orderBy('issued_at', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/** `enrolled` with the first certificate of a device, `reenrolled` with each further one, `moved` where its endpoints differ. */
export async function announceIssuance(
  transaction: Kysely<Database>,
  certificate: SerialNumber,
  at: Date,
  requestId: string,
): Promise<void> {
  if (!(await isAnnounced(transaction))) return;
  const row = await issuance(transaction, certificate);
  const endpoints = listOf(row.endpoints);
  const data = {
    issuer: certificate.issuer,
    serialNumber: certificate.serialNumber,
    profile: row.profile,
    publicKeyDigest: row.public_key_digest,
    notBefore: row.not_before,
    notAfter: row.not_after,
    endpoints,
    credential: row.credential_kind,
    ...(row.relayed_by === null ? {} : { relayedBy: row.relayed_by }),
    ...(row.approval === null ? {} : { approval: row.approval }),
    requestId,
  };
  const issued: NewEvent = { type: 'bestow.certificate.issued', at, data };
  if (row.subscriber === null) return announce(transaction, null, issued);
  const former = await formerCertificate(transaction, certificate, row);
  const type = former ? 'bestow.device.reenrolled' : 'bestow.device.enrolled';
  const events: NewEvent[] = [issued, { type, at, data }];
  const before = listOf(former?.endpoints ?? null);
  if (before && endpoints && before.join(' ') !== endpoints.join(' '))
    events.push({ type: 'bestow.device.moved', at, data: { ...data, formerEndpoints: before } });
  await announce(transaction, row.subscriber, ...events);
}

function listOf(json: string | null): string[] | undefined {
  return json === null ? undefined : JSON.parse(json);
}
