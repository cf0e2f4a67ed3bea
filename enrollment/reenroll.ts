import { type Issued, requestDigestOf } from '../ca/certificate-authority.ts';
import type { IssuanceLedger } from '../ca/issuance-ledger.ts';
import { admit, type EnrollmentParts } from './admit.ts';
import { decideReenrollment, type EnrollmentOrder } from './policy.ts';

/** /simplereenroll (RFC 7030 section 4.2.2). @throws Refusal, SignerUnavailable */
export async function reenroll(
  order: EnrollmentOrder<'reenroll'>,
  parts: EnrollmentParts,
): Promise<Issued> {
  return admit(decideReenrollment(order), order, parts);
}

/** How long the answer to a renewal that revoked the old certificate may be asked for again. */
const repeatedForMs = 10 * 60_000;

/**
 * The answer to a renewal that revoked the old certificate, for who lost it and has but the old one: the certificate that
 * this very request brought, while nobody used it. Reads the records alone; nothing is issued, spent or changed.
 * @returns undefined where there is no such certificate
 * @throws Refusal when the request is none that could have brought it
 */
export async function reenrollAgain(
  order: EnrollmentOrder<'repeat'>,
  ledger: Pick<IssuanceLedger, 'renewalOf'>,
): Promise<Issued | undefined> {
  const { caller } = order.authorized;
  if (caller.group.settings.revokeOld !== 'now') return undefined;
  const record = await ledger.renewalOf({
    serialNumber: caller.credential.id,
    subscriber: caller.device.id,
    requestDigest: requestDigestOf(decideReenrollment(order)),
    issuedSince: new Date(Date.now() - repeatedForMs),
  });
  if (!record?.certificate) return undefined;
  const { certificate, serialNumber, notAfter } = record;
  return { certificate, serialNumber, notAfter, repeated: true };
}
