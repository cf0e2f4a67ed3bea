/**
 * Finds, among the certificates that the owner of a CA above has sent, the one over our key and those above it.
 */

import { type CaCertificate, mostAbove, readCaCertificate } from './ca-chain.ts';
import {
  type Certificate,
  CertificateError,
  fingerprintOf,
  readCertificate,
} from './certificate.ts';
import { DerError, sameBytes } from './der.ts';

export interface CertificatePath {
  /** Ours first, the self-signed one last. */
  readonly certificates: readonly CaCertificate[];
  /** How many others there are, which belong to no path from ours. */
  readonly leftOver: number;
}

/** A bundle of more is a mistake. */
const mostCertificates = 64;

/**
 * @param certificates DER, in any order
 * @param publicKey SubjectPublicKeyInfo of our key, DER
 * @throws CertificateError with a sentence; no signature is verified yet but those that decide between two of one name
 */
export function findPath(
  certificates: readonly Uint8Array[],
  publicKey: Uint8Array,
): CertificatePath {
  if (certificates.length > mostCertificates)
    throw new CertificateError(`There are more than ${mostCertificates} certificates.`);
  const all = distinct(certificates).map(read);
  const path = [caCertificate(oursAmong(all, publicKey))];
  for (let top = path[0]; top && !isSelfIssued(top); top = path.at(-1)) {
    if (path.length > mostAbove)
      throw new CertificateError(`There are more than ${mostAbove} CAs above the issuing one.`);
    path.push(above(top, all));
  }
  if (path.length === 1)
    throw new CertificateError(
      'The certificate over the requested key is self-signed: it must be signed by the CA above.',
    );
  return { certificates: path, leftOver: all.length - path.length };
}

/** For sentences: the subject as OpenSSL writes it, control characters escaped. */
export function subjectOf({ x509 }: Pick<CaCertificate, 'x509'>): string {
  return x509.subject.replaceAll('\n', ', ');
}

export function isSelfIssued({ subject, issuer }: Certificate): boolean {
  return sameBytes(subject, issuer);
}

function distinct(certificates: readonly Uint8Array[]): Uint8Array[] {
  return [...new Map(certificates.map((der) => [fingerprintOf(der), der])).values()];
}

function read(der: Uint8Array, i: number): Certificate {
  try {
    return readCertificate(der);
  } catch (error) {
    if (!(error instanceof CertificateError || error instanceof DerError)) throw error;
    throw new CertificateError(`Certificate ${i + 1} cannot be read: ${error.message}`);
  }
}

function caCertificate({ der }: Certificate): CaCertificate {
  try {
    return readCaCertificate(der);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CertificateError(`A certificate of the chain does not do: ${why}`, { cause });
  }
}

function oursAmong(all: readonly Certificate[], publicKey: Uint8Array): Certificate {
  const [ours, second] = all.filter((each) => sameBytes(each.subjectPublicKeyInfo, publicKey));
  if (!ours)
    throw new CertificateError(
      `None of the certificates (${all.length}) is over the key of the request.`,
    );
  if (second)
    throw new CertificateError(
      'Two different certificates are over the key of the request: leave in the one to be used.',
    );
  return ours;
}

/** A self-signed one ends the path, so it goes before a certificate that another root gave the same CA. */
function above(certificate: CaCertificate, all: readonly Certificate[]): CaCertificate {
  const named = all.filter(({ subject }) => sameBytes(subject, certificate.issuer));
  if (named.length === 0)
    throw new CertificateError(
      `The certificate of ${certificate.x509.issuer.replaceAll('\n', ', ')} is missing, which signed that of ${subjectOf(certificate)}.`,
    );
  const issuers = named
    .map(caCertificate)
    .filter(({ x509 }) => certificate.x509.verify(x509.publicKey));
  const found = issuers.find(isSelfIssued) ?? issuers[0];
  if (!found)
    throw new CertificateError(
      `The certificate of ${subjectOf(certificate)} was not signed by ${certificate.x509.issuer.replaceAll('\n', ', ')} of this file: the signature does not verify.`,
    );
  return found;
}
