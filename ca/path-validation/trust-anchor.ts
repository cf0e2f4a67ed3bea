/**
 * Certificates that somebody decided to trust as issuers of other people's certificates. They say nothing about our own CA.
 */

import { hash } from 'node:crypto';
import {
  type Certificate,
  CertificateError,
  fingerprintOf,
  readCertificate,
} from '../certificate.ts';
import { DerError, readDer } from '../der.ts';
import { type PublicKey, readPublicKey } from '../key-rules.ts';
import { Refusal } from '../refusal.ts';
import { objectionToCa } from './certificate-rules.ts';
import { subjectText } from './path-fault.ts';

/** Octets; the largest certificates are those of ML-DSA-87. */
const longest = 16 * 1024;

export interface TrustAnchor {
  readonly certificate: Certificate;
  readonly publicKey: PublicKey;
  /** SHA-256 of its SubjectPublicKeyInfo, hexadecimal. */
  readonly publicKeyDigest: string;
  /** As OpenSSL prints it, SHA-256. */
  readonly fingerprint: string;
}

/**
 * @throws CertificateError with a sentence when it could never end a path; its time is judged when it is used
 */
export function readTrustAnchor(der: Uint8Array): TrustAnchor {
  const certificate = readBounded(der);
  const objection = objectionToCa(certificate);
  if (objection) throw new CertificateError(objection.says);
  requireReadable(certificate);
  return {
    certificate,
    publicKey: keyOf(certificate),
    publicKeyDigest: publicKeyDigestOf(certificate),
    fingerprint: fingerprintOf(der),
  };
}

/** One that could not be read later would stand in the way of every path that it is tried for. */
function requireReadable(certificate: Certificate): void {
  try {
    for (const { value } of certificate.extensions.values()) readDer(value);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new CertificateError(
      `An extension of ${subjectText(certificate)} is malformed: ${error.message}.`,
    );
  }
}

/** A CA certificate between an anchor and devices. @throws CertificateError with a sentence */
export function readIntermediate(der: Uint8Array): Certificate {
  return readTrustAnchor(der).certificate;
}

/** @throws CertificateError with a sentence */
export function readBounded(der: Uint8Array): Certificate {
  if (der.length > longest)
    throw new CertificateError(`A certificate of more than ${longest} octets is not read.`);
  try {
    return readCertificate(der);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new CertificateError(`It is not DER: ${error.message}.`, { cause: error });
  }
}

/** SHA-256 of the SubjectPublicKeyInfo, hexadecimal. */
export function publicKeyDigestOf({ subjectPublicKeyInfo }: Certificate): string {
  return hash('sha256', subjectPublicKeyInfo, 'hex');
}

function keyOf(certificate: Certificate): PublicKey {
  try {
    return readPublicKey(readDer(certificate.subjectPublicKeyInfo));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new CertificateError(
      `The key of ${subjectText(certificate)} does not do: ${error.message}`,
    );
  }
}
