/**
 * Reads a CRL that an issuer of ours has signed (RFC 5280 section 5), such as the newest one that relying parties have.
 */

import { verify } from 'node:crypto';
import type { CaCertificate } from './ca-chain.ts';
import { CertificateError, readTime } from './certificate.ts';
import { signatureAlgorithmIdentifier } from './compose-certificate.ts';
import { type RevokedCertificate, reasonCodes } from './crl.ts';
import {
  type DerElement,
  DerError,
  elementsIn,
  encodeOid,
  readDer,
  sameBytes,
  tags,
} from './der.ts';
import { distributionPointUrls } from './extensions/distribution-point-urls.ts';
import type { RevocationReason } from './issuance-ledger.ts';
import { octetsKey, oid } from './object-identifiers.ts';
import { type CaSignatureAlgorithm, signatureHashOf } from './signer.ts';
import { verificationKey } from './verify-signature.ts';

/** It is no CRL, not one of ours, or one that says more than can be taken over. */
export class CrlUnreadable extends Error {
  override readonly name = 'CrlUnreadable';
}

export interface PublishedCrl {
  readonly issuer: CaCertificate;
  readonly number: number;
  readonly thisUpdate: Date;
  /** Where it says it is (RFC 5280 section 5.2.5): of a CRL of some certificates, where theirs say it is. */
  readonly urls: readonly string[];
  readonly revoked: readonly RevokedCertificate[];
}

const keyOf = (dotted: string) => octetsKey(encodeOid(dotted));
/** A CRL for a part of the certificates, and one of the changes since another, say nothing that is not so. */
const issuingDistributionPoint = keyOf('2.5.29.28');
const deltaCrlIndicator = keyOf('2.5.29.27');
const understood = new Set([issuingDistributionPoint, deltaCrlIndicator]);
const reasonOf = new Map(
  Object.entries(reasonCodes).map(([name, code]) => [code, name as RevocationReason]),
);
/** removeFromCRL (RFC 5280 section 5.3.1), in a CRL of changes: the certificate is good again. */
const removed = 8;

/** Those of some certificates first: they say more of each than the CRL of all. @throws CrlUnreadable */
export function readCrls(
  ders: readonly Uint8Array[],
  issuers: readonly CaCertificate[],
): PublishedCrl[] {
  return ders.map((der) => readCrl(der, issuers)).sort((a, b) => b.urls.length - a.urls.length);
}

/** @throws CrlUnreadable */
export function readCrl(der: Uint8Array, issuers: readonly CaCertificate[]): PublishedCrl {
  try {
    return readSigned(der, issuers);
  } catch (error) {
    if (!(error instanceof DerError || error instanceof CertificateError)) throw error;
    throw new CrlUnreadable(`This is no CRL that can be read: ${error.message}.`);
  }
}

function readSigned(der: Uint8Array, issuers: readonly CaCertificate[]): PublishedCrl {
  const [outer, ...more] = elementsIn(der);
  const [toBeSigned, algorithm, signature, ...surplus] = elementsIn(outer?.content ?? der);
  if (
    outer?.tag !== tags.sequence ||
    !toBeSigned ||
    !algorithm ||
    signature?.tag !== tags.bitString
  )
    throw new CrlUnreadable('This is no CRL.');
  if (more.length > 0 || surplus.length > 0) throw new CrlUnreadable('Octets follow the CRL.');
  const parts = [...elementsIn(toBeSigned.content)];
  const [version, inner, name, thisUpdate, nextUpdate] = parts;
  const wrapped = parts.at(-1);
  if (!version || !inner || !name || !thisUpdate || !nextUpdate || wrapped?.tag !== 0xa0)
    throw new CrlUnreadable('This is no CRL of version 2.');
  if (!sameBytes(inner.bytes, algorithm.bytes))
    throw new CrlUnreadable('The two signature algorithms of the CRL differ.');
  const extensions = readExtensions(readDer(wrapped.bytes).children[0]);
  const issuer = issuerOf(name.bytes, extensions, issuers);
  if (!isSignedBy(issuer, toBeSigned.bytes, algorithm.bytes, signature.content))
    throw new CrlUnreadable('The signature of the CRL is wrong.');
  const list = parts.slice(5, -1);
  const scope = extensions.get(issuingDistributionPoint);
  if (list.length > 1 || (list[0] && list[0].tag !== tags.sequence))
    throw new CrlUnreadable('The CRL holds more than one list.');
  return {
    issuer,
    number: numberOf(extensions.get(octetsKey(oid.cRLNumber))),
    thisUpdate: readTime(readDer(thisUpdate.bytes)),
    urls: scope ? distributionPointUrls(scope.value.bytes) : [],
    revoked: list.flatMap(({ content }) =>
      [...elementsIn(content)].flatMap(({ bytes }) => readEntry(readDer(bytes))),
    ),
  };
}

interface Extension {
  readonly critical: boolean;
  readonly value: DerElement;
}

function readExtensions(list: DerElement | undefined): Map<string, Extension> {
  const extensions = new Map<string, Extension>();
  for (const { children } of list?.children ?? []) {
    const [type, ...rest] = children;
    const value = rest.at(-1);
    if (!type || value?.tag !== tags.octetString || rest.length > 2)
      throw new CrlUnreadable('An extension of the CRL is malformed.');
    const critical = rest.length === 2;
    if (extensions.has(octetsKey(type.bytes)))
      throw new CrlUnreadable('An extension of the CRL stands twice.');
    extensions.set(octetsKey(type.bytes), { critical, value: readDer(value.content) });
  }
  return extensions;
}

function issuerOf(
  name: Uint8Array,
  extensions: ReadonlyMap<string, Extension>,
  issuers: readonly CaCertificate[],
): CaCertificate {
  for (const [type, { critical }] of extensions)
    if (critical && !understood.has(type))
      throw new CrlUnreadable('The CRL has an unknown critical extension.');
  const authority = extensions.get(octetsKey(oid.authorityKeyIdentifier))?.value.children[0];
  const issuer = issuers.find(
    ({ subject, keyIdentifier }) =>
      authority && sameBytes(authority.content, keyIdentifier) && sameBytes(subject, name),
  );
  if (!issuer) throw new CrlUnreadable('The CRL is of none of our issuing CAs.');
  return issuer;
}

/** By the one algorithm that the CRL names, which has to be one that our keys sign with. */
function isSignedBy(
  { x509: { publicKey: key } }: CaCertificate,
  toBeSigned: Uint8Array,
  algorithm: Uint8Array,
  bits: Uint8Array,
): boolean {
  const named = (Object.keys(signatureHashOf) as CaSignatureAlgorithm[]).find((each) =>
    sameBytes(signatureAlgorithmIdentifier(each), algorithm),
  );
  if (!named) throw new CrlUnreadable('The CRL is signed by an algorithm that is not known here.');
  try {
    const how = verificationKey(key, named === 'RSASSA-PSS-SHA256');
    return verify(signatureHashOf[named], toBeSigned, how, bits.subarray(1));
  } catch {
    // The algorithm does not go with the key.
    return false;
  }
}

function numberOf(extension: Extension | undefined): number {
  const number = extension && Number(`0x${octetsKey(extension.value.content)}`);
  if (extension?.value.tag !== tags.integer || !Number.isSafeInteger(number))
    throw new CrlUnreadable('The CRL has no number that can be taken over (cRLNumber).');
  return number as number;
}

function readEntry({ children }: DerElement): RevokedCertificate[] {
  const [serial, date, list, surplus] = children;
  if (serial?.tag !== tags.integer || !date || surplus)
    throw new CrlUnreadable('An entry of the CRL is malformed.');
  const extensions = readExtensions(list);
  if ([...extensions.values()].some(({ critical }) => critical))
    throw new CrlUnreadable('An entry of the CRL has an unknown critical extension.');
  const code = extensions.get(octetsKey(oid.reasonCode))?.value.content[0] ?? 0;
  if (code === removed) return [];
  const invalid = extensions.get(octetsKey(oid.invalidityDate))?.value;
  return [
    {
      serialNumber: octetsKey(serial.content),
      revokedAt: readTime(date),
      // What we never say ourselves is a revocation all the same.
      reason: reasonOf.get(code) ?? 'unspecified',
      ...(invalid ? { invalidityDate: readInvalidityDate(invalid) } : {}),
    },
  ];
}

/** GeneralizedTime in any year (RFC 5280 section 5.3.2). */
function readInvalidityDate({ content }: DerElement): Date {
  const digits = Buffer.from(content).toString('latin1');
  return new Date(
    digits.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6.000Z'),
  );
}
