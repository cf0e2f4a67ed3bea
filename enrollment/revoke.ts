/**
 * Revocation that a certificate's holder asks for (RFC 5272 section 6.11): by a certificate of the same device, by a
 * registration authority of its tenant, or by the secret that was registered with the certificate.
 */

import type { IssuanceLedger, IssuanceRecord, RevocationReason } from '../ca/issuance-ledger.ts';
import { Refusal } from '../ca/refusal.ts';
import type { Caller } from './authenticator.ts';
import { authorize, revocationNotPermitted } from './authorize.ts';
import { attemptOf, type PasswordSender } from './by-one-time-password.ts';
import type { DeviceRegistry } from './device-registry.ts';
import type { Group } from './group.ts';
import { isRegistrationAuthority } from './is-registration-authority.ts';
import { findIssued, type Issuers } from './issuers.ts';
import type { OneTimePasswordStore } from './one-time-password-store.ts';
import { type EnrollmentRefusalCode, TooManyFailures } from './refusal.ts';
import { deviceFor } from './registration-authority.ts';
import type { RevocationChallenges } from './revocation-challenge.ts';

export interface RevocationOrder {
  /** Hexadecimal. */
  readonly serialNumber: string;
  readonly reason: RevocationReason;
  /** Since when it is not to be trusted; one that is yet to come says no more than the revocation, which counts at once. */
  readonly invalidityDate?: Date;
  /** Who asks, where that is known. */
  readonly caller?: Caller;
  /** The group whose path was called; undefined where the path has no label. */
  readonly called: Group | undefined;
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

let permit: (record: IssuanceRecord, by: string) => Revocable;

/** A certificate that may be revoked, and who is to stand in the audit log for it. Nothing but `requireRevocable` makes one. */
export class Revocable {
  readonly record: IssuanceRecord;
  readonly by: string;
  /** Makes the type one of its own: nothing else is assignable to it. */
  declare protected readonly permitted: true;

  private constructor(record: IssuanceRecord, by: string) {
    this.record = record;
    this.by = by;
  }

  static {
    permit = (record, by) => new Revocable(record, by);
  }
}

/**
 * Sees whether the certificate may be revoked on this order, and changes nothing. A wrong secret counts as a failed
 * authentication.
 * @throws Refusal unknown-certificate, too-many-failures, and what `authorize` throws
 */
export async function requireRevocable(
  order: RevocationOrder,
  parts: RevocationParts,
): Promise<Revocable> {
  const { serialNumber, caller, secret } = order;
  const record = await findIssued(parts.issuers, parts.ledger, serialNumber);
  if (!record?.subscriber) throw unknown(serialNumber);
  const refusal = await refusalFor(order, record.subscriber, parts.devices);
  if (caller && !refusal) return permit(record, caller.device.id);
  if (secret === undefined) throw refusal ?? revocationNotPermitted();
  await requireSecret(order, secret, record, parts);
  return permit(record, `${record.subscriber} by revocationChallenge`);
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

/** Why the caller itself may not; a secret may help it yet. */
async function refusalFor(
  { caller, called }: RevocationOrder,
  subscriber: string,
  devices: DeviceRegistry,
): Promise<Refusal | undefined> {
  if (!caller) return revocationNotPermitted();
  try {
    const holder = await holderFor(caller, called, subscriber, devices);
    if (!holder) return revocationNotPermitted();
    authorize({ operation: 'revoke', caller: holder, called });
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

/** The caller itself, or the device that a registration authority asks for. */
async function holderFor(
  caller: Caller,
  called: Group | undefined,
  subscriber: string,
  devices: DeviceRegistry,
): Promise<Caller | undefined> {
  if (caller.device.id === subscriber) return caller;
  if (!isRegistrationAuthority(caller)) return undefined;
  const relay = authorize({ operation: 'relay', caller, called });
  return deviceFor(relay, subscriber, devices);
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
