/**
 * Certificate revocation lists (RFC 5280 section 5), version 2, of the issuing CA itself: of all its certificates, or of
 * those of one distribution point. A list may have a million entries, so it is never more than its octets: entries are
 * encoded page by page, and what they mean is kept as a digest, by which checkCrl finds it again in what was signed.
 */

import { createHash } from 'node:crypto';
import type { CaCertificate } from './ca-chain.ts';
import { signatureAlgorithmIdentifier } from './compose-certificate.ts';
import { encode, encodeGeneralizedTime, encodeHead, encodeTime, tags } from './der.ts';
import { encodeExtension } from './extensions/extension.ts';
import { issuingDistributionPoint } from './extensions/issuing-distribution-point.ts';
import { authorityKeyIdentifier } from './extensions/key-identifiers.ts';
import { type RevocationReason, revocationReasons } from './issuance-ledger.ts';
import { oid } from './object-identifiers.ts';
import type { CaSignatureAlgorithm } from './signer.ts';

export interface RevokedCertificate {
  /** Hexadecimal content octets of the INTEGER. */
  readonly serialNumber: string;
  readonly revokedAt: Date;
  readonly reason: RevocationReason;
  readonly invalidityDate?: Date;
}

/** Everything a CRL will say besides its entries. */
export interface CrlStatement {
  /** cRLNumber (RFC 5280 section 5.2.3): 1 or more. */
  readonly number: number;
  /** Whole seconds. */
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** The addresses that the certificates in its scope name; absent where its scope is the issuer's every certificate. */
  readonly distributionPoint?: readonly string[];
}

/** What entries mean: enough to recognise them by. */
export interface EntriesMeaning {
  readonly count: number;
  /** Hexadecimal. */
  readonly digest: string;
}

const enumerated = 0x0a;
export const version2 = encode(tags.integer, Uint8Array.of(1));

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

/** What an entry says of its reason, DER. unspecified is said by saying nothing (RFC 5280 section 5.3.1). */
export const reasonExtensions = Object.fromEntries(
  revocationReasons.map((reason) => [
    reason,
    reasonCodes[reason] === 0
      ? new Uint8Array()
      : encodeExtension(oid.reasonCode, encode(enumerated, Uint8Array.of(reasonCodes[reason]))),
  ]),
) as Record<RevocationReason, Uint8Array>;

/** Takes the meaning of entries one after another, from records or from DER. */
export class EntriesDigest {
  readonly #hash = createHash('sha256');
  #lines = '';
  #count = 0;

  /** @param reason CRLReason code */
  add(serialNumber: string, revokedAt: Date, reason: number, invalidityDate?: Date): void {
    this.#lines += `${serialNumber} ${secondOf(revokedAt)} ${reason} ${invalidityDate ? secondOf(invalidityDate) : ''}\n`;
    if (++this.#count % 256 === 0) this.#flush();
  }

  /** Nothing can be added afterwards. */
  meaning(): EntriesMeaning {
    this.#flush();
    return { count: this.#count, digest: this.#hash.digest('hex') };
  }

  #flush(): void {
    this.#hash.update(this.#lines);
    this.#lines = '';
  }
}

const secondOf = (time: Date) => Math.floor(time.getTime() / 1000);

/** The entries of a CRL as it grows. */
export class CrlEntries {
  readonly #pages: Uint8Array[] = [];
  readonly #digest = new EntriesDigest();
  #length = 0;

  /** @param page in ascending order of serial numbers, after all that were added before */
  add(page: readonly RevokedCertificate[]): void {
    if (page.length === 0) return;
    const octets = Buffer.concat(page.map(encodeEntry));
    this.#pages.push(octets);
    this.#length += octets.length;
    for (const { serialNumber, revokedAt, reason, invalidityDate } of page)
      this.#digest.add(serialNumber, revokedAt, reasonCodes[reason], invalidityDate);
  }

  /** DER, in pieces. An empty list is left out (RFC 5280 section 5.1.2.6). */
  encoded(): Uint8Array[] {
    return this.#length > 0 ? [encodeHead(tags.sequence, this.#length), ...this.#pages] : [];
  }

  /** Nothing can be added afterwards. */
  meaning(): EntriesMeaning {
    return this.#digest.meaning();
  }
}

/** @returns TBSCertList, DER, in pieces */
export function composeCrl(
  { number, thisUpdate, nextUpdate, distributionPoint }: CrlStatement,
  entries: Pick<CrlEntries, 'encoded'>,
  issuer: Pick<CaCertificate, 'subject' | 'keyIdentifier'>,
  algorithm: CaSignatureAlgorithm,
): Uint8Array[] {
  const extensions = encode(
    tags.sequence,
    authorityKeyIdentifier(issuer.keyIdentifier),
    encodeExtension(oid.cRLNumber, encodeNumber(number)),
    ...(distributionPoint ? [issuingDistributionPoint(distributionPoint)] : []),
  );
  return inSequence(
    version2,
    signatureAlgorithmIdentifier(algorithm),
    issuer.subject,
    encodeTime(thisUpdate),
    encodeTime(nextUpdate),
    ...entries.encoded(),
    encode(0xa0, extensions),
  );
}

/** A SEQUENCE of any size around its content, in pieces. */
export function inSequence(...pieces: readonly Uint8Array[]): Uint8Array[] {
  return [encodeHead(tags.sequence, lengthOf(pieces)), ...pieces];
}

export function lengthOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

function encodeEntry({
  serialNumber,
  revokedAt,
  reason,
  invalidityDate,
}: RevokedCertificate): Uint8Array {
  const said = reasonExtensions[reason];
  const extensions = invalidityDate
    ? Buffer.concat([
        said,
        encodeExtension(oid.invalidityDate, encodeGeneralizedTime(invalidityDate)),
      ])
    : said;
  return encode(
    tags.sequence,
    encode(tags.integer, Buffer.from(serialNumber, 'hex')),
    encodeTime(revokedAt),
    ...(extensions.length > 0 ? [encode(tags.sequence, extensions)] : []),
  );
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
