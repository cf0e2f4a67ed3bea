/**
 * Certificates of the keys that sign answers in the CA's name, but no certificates.
 */

import { X509Certificate } from 'node:crypto';
import type { CaCertificate } from './ca-chain.ts';
import { type Certificate, extensionOf, readCertificate } from './certificate.ts';
import { readDer, sameBytes } from './der.ts';
import type { NamedKeyUsage } from './extensions/extended-key-usage.ts';
import { oid } from './object-identifiers.ts';

export interface DelegatedCertificate extends Certificate {
  readonly x509: X509Certificate;
}

/** What a key is for that the CA delegates to. */
export interface Delegation {
  /** As sentences name it: `CMC`. */
  readonly what: string;
  readonly purpose: NamedKeyUsage;
  /** The purpose as its standard names it. */
  readonly purposeName: string;
}

/** @throws Error with a sentence when the CA did not say of this key that it may */
export function readDelegatedCertificate(
  der: Uint8Array,
  issuing: CaCertificate,
  { what, purpose, purposeName }: Delegation,
): DelegatedCertificate {
  const certificate = { ...readCertificate(der), x509: new X509Certificate(der) };
  const { x509, issuer, subjectPublicKeyInfo } = certificate;
  if (!sameBytes(issuer, issuing.subject) || !x509.verify(issuing.x509.publicKey))
    throw new Error(`The ${what} certificate was not signed by the issuing CA.`);
  const purposes = extensionOf(certificate, 'extKeyUsage');
  if (
    !purposes ||
    !readDer(purposes.value).children.some(({ bytes }) => sameBytes(bytes, oid[purpose]))
  )
    throw new Error(
      `The ${what} certificate does not say ${purposeName} in its extended key usage.`,
    );
  if (sameBytes(subjectPublicKeyInfo, issuing.subjectPublicKeyInfo))
    throw new Error(`The ${what} certificate is over the key that signs certificates.`);
  return certificate;
}
