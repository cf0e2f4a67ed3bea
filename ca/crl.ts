/**
 * Certificate revocation lists (RFC 5280 section 5): full ones, version 2, of the issuing CA itself.
 * A list of many thousands is written and re-read some hundred entries at a time, so that others are served in between.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CaCertificate } from './ca-chain.ts';
import { signatureAlgorithmIdentifier } from './compose-certificate.ts';
import { encode, encodeTime, tags } from './der.ts';
import { encodeExtension } from './extensions/extension.ts';
import { authorityKeyIdentifier } from './extensions/key-identifiers.ts';
import type { RevocationReason } from './issuance-ledger.ts';
import { oid } from './object-identifiers.ts';
import type { CaSignatureAlgorithm } from './signer.ts';

export interface RevokedCertificate {
  /** Hexadecimal content octets of the INTEGER. */
  readonly serialNumber: string;
  readonly revokedAt: Date;
  readonly reason: RevocationReason;
  readonly invalidityDate?: Date;
}

/** Everything a CRL will say. */
export interface CrlStatement {
  /** cRLNumber (RFC 5280 section 5.2.3): 1 or more. */
  readonly number: number;
  /** Whole seconds. */
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** In ascending order of their serial numbers, each once. */
  readonly revoked: readonly RevokedCertificate[];
}

const enumerated = 0x0a;
export const version2 = encode(tags.integer, Uint8Array.of(1));
/** As many as take less than a millisecond. */
export const entriesAtOnce = 200;

/** CRLReason (RFC 5280 section 5.3.1). */
export const reasonCodes: Readonly<Record<RevocationReason, number>> = {
  unspecified: 0,
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  privilegeWithdrawn: 9,
};

/**
 * @returns TBSCertList, DER
 * @throws RangeError beyond 16 MiB, some 300,000 entries
 */
export async function composeCrl(
  { number, thisUpdate, nextUpdate, revoked }: CrlStatement,
  issuer: Pick<CaCertificate, 'subject' | 'keyIdentifier'>,
  algorithm: CaSignatureAlgorithm,
): Promise<Uint8Array> {
  const entries: Uint8Array[] = [];
  for (const certificate of revoked) {
    if (entries.push(encodeEntry(certificate)) % entriesAtOnce === 0) await nextTurn();
  }
  return encode(
    tags.sequence,
    version2,
    signatureAlgorithmIdentifier(algorithm),
    issuer.subject,
    encodeTime(thisUpdate),
    encodeTime(nextUpdate),
    // An empty list is left out (RFC 5280 section 5.1.2.6).
    ...(entries.length > 0 ? [encode(tags.sequence, Buffer.concat(entries))] : []),
    encode(
      0xa0,
      encode(
        tags.sequence,
        authorityKeyIdentifier(issuer.keyIdentifier),
        encodeExtension(oid.cRLNumber, encodeNumber(number)),
      ),
    ),
  );
}

/** unspecified is said by saying nothing (RFC 5280 section 5.3.1). */
function encodeEntry(certificate: RevokedCertificate): Uint8Array {
  const extensions = entryExtensions(certificate);
  return encode(
    tags.sequence,
    encode(tags.integer, Buffer.from(certificate.serialNumber, 'hex')),
    encodeTime(certificate.revokedAt),
    ...(extensions.length > 0 ? [encode(tags.sequence, ...extensions)] : []),
  );
}

/** crlEntryExtensions (RFC 5280 section 5.3): what there is to say besides serial number and time. */
function entryExtensions({ reason, invalidityDate }: RevokedCertificate): Uint8Array[] {
  const code = reasonCodes[reason];
  return [
    ...(code === 0
      ? []
      : [encodeExtension(oid.reasonCode, encode(enumerated, Uint8Array.of(code)))]),
    ...(invalidityDate
      ? [encodeExtension(oid.invalidityDate, encodeGeneralizedTime(invalidityDate))]
      : []),
  ];
}

/** invalidityDate has no other form (RFC 5280 section 5.3.2). */
function encodeGeneralizedTime(time: Date): Uint8Array {
  const digits = time.toISOString().slice(0, 19).replaceAll(/[-:T]/g, '');
  return encode(tags.generalizedTime, Buffer.from(`${digits}Z`));
}

function encodeNumber(number: number): Uint8Array {
  const hex = number.toString(16);
  const octets = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return (octets[0] ?? 0) < 0x80
    ? encode(tags.integer, octets)
    : encode(tags.integer, Uint8Array.of(0), octets);
}

/** What X.509 can say of a time. */
export function wholeSecond(time: Date): Date {
  return new Date(Math.floor(time.getTime() / 1000) * 1000);
}
