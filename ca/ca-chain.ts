/**
 * The CA's own certificates: read once, checked as a chain, used as octets.
 */

import { X509Certificate } from 'node:crypto';
import { type Certificate, extensionOf, readCertificate } from './certificate.ts';
import { readDer, sameBytes, tags } from './der.ts';
import { octetsKey } from './object-identifiers.ts';

export interface CaCertificate extends Certificate {
  readonly x509: X509Certificate;
  /** subjectKeyIdentifier. */
  readonly keyIdentifier: Uint8Array;
  /** The same in hexadecimal: this issuer's name in records. */
  readonly id: string;
}

export interface CaChain {
  readonly issuing: CaCertificate;
  readonly root: CaCertificate;
}

/** @throws Error with a sentence when the octets are not a CA certificate */
export function readCaCertificate(der: Uint8Array): CaCertificate {
  const certificate = readCertificate(der);
  const constraints = extensionOf(certificate, 'basicConstraints');
  const isCa = constraints && readDer(constraints.value).children[0];
  if (isCa?.tag !== tags.boolean || isCa.content[0] !== 0xff)
    throw new Error('The certificate is not a CA certificate (basicConstraints).');
  const identifier = extensionOf(certificate, 'subjectKeyIdentifier');
  if (!identifier) throw new Error('The CA certificate has no subjectKeyIdentifier.');
  const keyIdentifier = readDer(identifier.value).content;
  return {
    ...certificate,
    x509: new X509Certificate(der),
    keyIdentifier,
    id: octetsKey(keyIdentifier),
  };
}

/** Reads root and issuing certificate and checks that one signed the other. @throws Error with a sentence */
export function readCaChain(files: { root: Uint8Array; issuing: Uint8Array }): CaChain {
  const root = readCaCertificate(files.root);
  const issuing = readCaCertificate(files.issuing);
  if (!sameBytes(root.subject, root.issuer) || !root.x509.verify(root.x509.publicKey))
    throw new Error('The root certificate is not self-signed.');
  if (!issuing.x509.checkIssued(root.x509) || !issuing.x509.verify(root.x509.publicKey))
    throw new Error('The issuing certificate was not signed by the root.');
  return { root, issuing };
}
