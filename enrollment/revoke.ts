/**
 * Revocation that a certificate's holder asks for (RFC 5272 section 6.11): by a certificate of the same device, by a
 * registration authority of its tenant, or by the secret that was registered with the certificate.
 */

import type { IssuanceLedger, IssuanceRecord, RevocationReason } from '../ca/issuance-ledger.ts';
import { Refusal } from '../ca/refusal.ts';
import type { Caller } from './authenticator.ts';
import { attemptOf, type PasswordSender } from './by-one-time-password.ts';
import type { DeviceRegistry } from './device-registry.ts';
import { findIssued, type Issuers } from './issuers.ts';
import type { OneTimePasswordStore } from './one-time-password-store.ts';
import { type EnrollmentRefusalCode, TooManyFailures } from './refusal.ts';
import { isRegistrationAuthority } from './registration-authority.ts';
import type { RevocationChallenges } from './revocation-challenge.ts';

export interface RevocationOrder {
  /** Hexadecimal. */
  readonly serialNumber: string;
  readonly reason: RevocationReason;
  /** Since when it is not to be trusted; one that is yet to come says no more than the revocation, which counts at once. */
  readonly invalidityDate?: Date;
  /** Who asks, where that is known. */
  readonly caller?: Caller;
  /** The revocationChallenge of the request the certificate came from (RFC 7894 section 3.2). */
  readonly secret?: string;
  readonly source: string;
  readonly requestId: string;
}

/** What revocation works with. */
export interface RevocationParts {
  readonly issuers: Pick<Issuers, 'certificates'>;
  readonly ledger: IssuanceLedger;
  readonly devices: DeviceRegistry;
  readonly failures: Pick<OneTimePasswordStore, 'pauseOf' | 'recordFailure'>;
  readonly revocationChallenges: RevocationChallenges;
}

/** A certificate that may be revoked, and who is to stand in the audit log for it. */
export interface Revocable {
  readonly record: IssuanceRecord;
  readonly by: string;
}

/**
 * Sees whether the certificate may be revoked on this order, and changes nothing. A wrong secret counts as a failed
 * authentication.
 * @throws Refusal unknown-certificate, revocation-not-permitted, too-many-failures
 */
export async function requireRevocable(
  order: RevocationOrder,
  parts: RevocationParts,
): Promise<Revocable> {
  const { serialNumber, caller, secret } = order;
  const record = await findIssued(parts.issuers, parts.ledger, serialNumber);
  if (!record?.subscriber) throw unknown(serialNumber);
  if (caller && (await mayRevoke(caller, record.subscriber, parts.devices)))
    return { record, by: caller.device.id };
  if (secret === undefined)
    throw new Refusal<EnrollmentRefusalCode>(
      'revocation-not-permitted',
      'A certificate is revoked by a certificate of the same device, by a registration authority of its tenant, or by its revocationChallenge.',
    );
  await requireSecret(order, secret, record, parts);
  return { record, by: `${record.subscriber} by revocationChallenge` };
}

/** @returns the record as it is now; a certificate that was revoked before stays as it was */
export function revoke(
  { record, by }: Revocable,
  { reason, invalidityDate }: RevocationOrder,
  { ledger }: RevocationParts,
): Promise<IssuanceRecord | undefined> {
  const at = new Date();
  const since = invalidityDate && invalidityDate < at ? { invalidityDate } : {};
  return ledger.revoke(record.issuer, record.serialNumber, { reason, at, by, ...since });
}

function unknown(serialNumber: string): Refusal<EnrollmentRefusalCode> {
  return new Refusal(
    'unknown-certificate',
    `No certificate of a device has the serial number ${serialNumber} here.`,
  );
}

/** A password is for enrolling: it revokes nothing. */
async function mayRevoke(
  caller: Caller,
  subscriber: string,
  devices: DeviceRegistry,
): Promise<boolean> {
  if (caller.credential.kind !== 'client-certificate') return false;
  if (caller.device.id === subscriber) return true;
  if (!isRegistrationAuthority(caller)) return false;
  const holder = await devices.find(subscriber);
  return holder?.tenant.id === caller.tenant.id && holder.device.role === 'device';
}

async function requireSecret(
  { serialNumber, source, requestId }: RevocationOrder,
  secret: string,
  { revocationChallenge }: IssuanceRecord,
  { failures, revocationChallenges }: RevocationParts,
): Promise<void> {
  const sender: PasswordSender = { userName: `revocation of ${serialNumber}`, source, requestId };
  const retryAfter = await failures.pauseOf(attemptOf(sender));
  if (retryAfter !== undefined) throw new TooManyFailures(retryAfter);
  if (revocationChallenge && revocationChallenges.matches(secret, revocationChallenge)) return;
  const reason = `The secret is not the revocationChallenge of the certificate ${serialNumber}.`;
  await failures.recordFailure(attemptOf(sender), reason);
  throw new Refusal<EnrollmentRefusalCode>(
    'revocation-not-permitted',
    'The certificate is not revoked by this secret.',
  );
}
