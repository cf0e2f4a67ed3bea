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

/** From the certificate of an issuing CA to its trust anchor. */
export interface CaChain {
  readonly issuing: CaCertificate;
  /** Between the two, from below; empty where the root itself certified the issuing CA. */
  readonly intermediates: readonly CaCertificate[];
  /** Self-signed. */
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

/** When nothing that the issuing CA signs can be verified any more: at the end of the first in the chain to end. */
export function endOfChain({ issuing, intermediates, root }: CaChain): Date {
  return new Date(
    Math.min(...[issuing, ...intermediates, root].map((each) => each.notAfter.getTime())),
  );
}

/** More CAs one above the other than this are a mistake. */
export const mostAbove = 8;

/**
 * Reads the certificates of an issuing CA and of those above it, and checks that each signed the one before.
 * @param certificates DER: the CA above the issuing one first, the root last
 * @throws Error with a sentence
 */
export function readCaChain(certificates: {
  readonly issuing: Uint8Array;
  readonly above: readonly Uint8Array[];
}): CaChain {
  const issuing = readCaCertificate(certificates.issuing);
  if (certificates.above.length > mostAbove)
    throw new Error(`There are more than ${mostAbove} CAs above the issuing one.`);
  const above = certificates.above.map(readCaCertificate);
  const root = above.at(-1);
  if (!root || !sameBytes(root.subject, root.issuer) || !root.x509.verify(root.x509.publicKey))
    throw new Error('The root certificate is not self-signed.');
  [issuing, ...above.slice(0, -1)].forEach((subject, depth) => {
    const issuer = above[depth];
    if (issuer) requireSignedBy(subject, issuer, depth);
  });
  return { issuing, intermediates: above.slice(0, -1), root };
}

/** @param depth how many CA certificates follow the subject's on the path to a device */
function requireSignedBy(subject: CaCertificate, issuer: CaCertificate, depth: number): void {
  const names = [subject, issuer].map(({ x509 }) => x509.subject.replaceAll('\n', ', '));
  if (!subject.x509.checkIssued(issuer.x509) || !subject.x509.verify(issuer.x509.publicKey))
    throw new Error(`The certificate of ${names[0]} was not signed by ${names[1]}.`);
  const pathLength = pathLengthOf(issuer);
  if (pathLength !== undefined && pathLength < depth + 1)
    throw new Error(
      `The certificate of ${names[1]} allows ${pathLength} CA certificates to follow its own (pathLenConstraint), and there are ${depth + 1}.`,
    );
}

/** pathLenConstraint (RFC 5280 section 4.2.1.9). */
function pathLengthOf(certificate: CaCertificate): number | undefined {
  const constraints = extensionOf(certificate, 'basicConstraints');
  const length = constraints && readDer(constraints.value).children[1];
  return length && Number.parseInt(Buffer.from(length.content).toString('hex'), 16);
}
