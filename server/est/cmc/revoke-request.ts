import { type DerElement, tags } from '../../../ca/der.ts';
import type { RevocationReason } from '../../../ca/issuance-ledger.ts';
import { octetsKey } from '../../../ca/object-identifiers.ts';
import { malformed } from '../../../ca/refusal.ts';

/** RFC 5272 section 6.11, without comment, on which nothing here depends. */
export interface RevokeRequest {
  /** Name, DER. */
  readonly issuer: Uint8Array;
  /** Hexadecimal, as the content octets of the INTEGER stand. */
  readonly serialNumber: string;
  readonly reason: RevocationReason;
  /** Since when the certificate is not to be trusted. */
  readonly invalidityDate?: Date;
  /** What was registered with the certificate to revoke it by. */
  readonly sharedSecret?: Uint8Array;
}

/**
 * CRLReason by number (RFC 5280 section 5.3.1), as far as a device can give one: it is no CA, and a certificate is revoked for
 * good or not at all.
 */
const reasons = new Map<string, RevocationReason>([
  ['00', 'unspecified'],
  ['01', 'keyCompromise'],
  ['03', 'affiliationChanged'],
  ['04', 'superseded'],
  ['05', 'cessationOfOperation'],
  ['09', 'privilegeWithdrawn'],
]);

const enumerated = 0x0a;
const optional: readonly number[] = [tags.generalizedTime, tags.octetString, tags.utf8String];
/** As long as a revocationChallenge can be (RFC 7894 section 3.2), in UTF-8. */
const maxSharedSecret = 4 * 255;

/** @throws Refusal malformed-request */
export function readRevokeRequest({ tag, children }: DerElement): RevokeRequest {
  const [issuer, serial, crlReason, ...rest] = children;
  const order = rest.map((element) => optional.indexOf(element.tag));
  if (
    tag !== tags.sequence ||
    issuer?.tag !== tags.sequence ||
    serial?.tag !== tags.integer ||
    crlReason?.tag !== enumerated ||
    order.some((place, i) => place <= (order[i - 1] ?? -1))
  )
    throw malformed('A revokeRequest control is malformed (RFC 5272 section 6.11).');
  const reason = reasons.get(octetsKey(crlReason.content));
  if (!reason)
    throw malformed(
      `A revocation must have one of the reasons ${[...reasons.values()].join(', ')} (RFC 5280 section 5.3.1).`,
    );
  const date = rest.find((element) => element.tag === tags.generalizedTime);
  const secret = rest.find((element) => element.tag === tags.octetString)?.content;
  if (secret && (secret.length === 0 || secret.length > maxSharedSecret))
    throw malformed(`The shared secret of a revocation has 1 to ${maxSharedSecret} octets.`);
  return {
    issuer: issuer.bytes,
    serialNumber: octetsKey(serial.content),
    reason,
    ...(date ? { invalidityDate: readDate(date.content) } : {}),
    ...(secret ? { sharedSecret: secret } : {}),
  };
}

/** Any day of any year, in the form that the DER reader lets through. `Date` would read 30 February as 2 March. */
function readDate(content: Uint8Array): Date {
  const digits = Buffer.from(content).toString('latin1');
  const iso = digits.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6.000Z');
  const date = new Date(iso);
  if (Number.isNaN(date.getTime()) || date.toISOString() !== iso)
    throw malformed('The invalidityDate of a revocation is an impossible time.');
  return date;
}
