/**
 * The certificate of the key that signs CMC answers and packages of generated keys.
 */

import { X509Certificate } from 'node:crypto';
import type { CaCertificate } from './ca-chain.ts';
import { type Certificate, extensionOf, readCertificate } from './certificate.ts';
import { readDer, sameBytes } from './der.ts';
import { oid } from './object-identifiers.ts';

export interface CmcCertificate extends Certificate {
  readonly x509: X509Certificate;
}

/**
 * Clients trust a CMC answer when the CA signed it itself, or said of another key that it may (RFC 6402 section 2.10).
 * @throws Error with a sentence when the certificate does not say so
 */
export function readCmcCertificate(der: Uint8Array, issuing: CaCertificate): CmcCertificate {
  const certificate = { ...readCertificate(der), x509: new X509Certificate(der) };
  const { x509, issuer, subjectPublicKeyInfo } = certificate;
  if (!sameBytes(issuer, issuing.subject) || !x509.verify(issuing.x509.publicKey))
    throw new Error('The CMC certificate was not signed by the issuing CA.');
  const purposes = extensionOf(certificate, 'extKeyUsage');
  if (
    !purposes ||
    !readDer(purposes.value).children.some(({ bytes }) => sameBytes(bytes, oid.cmcCA))
  )
    throw new Error('The CMC certificate does not say id-kp-cmcCA in its extended key usage.');
  if (sameBytes(subjectPublicKeyInfo, issuing.subjectPublicKeyInfo))
    throw new Error('The CMC certificate is over the key that signs certificates.');
  return certificate;
}
