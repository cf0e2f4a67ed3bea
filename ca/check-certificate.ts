/**
 * Re-reads what the HSM signed; releases nothing that differs from what was recorded before signing.
 */

import type { CaCertificate } from './ca-chain.ts';
import { type Certificate, extensionOf, keyIdentifierOf, readCertificate } from './certificate.ts';
import { sameBytes } from './der.ts';

/** A finished certificate is not what was meant to be signed: a fault of ours, never the caller's. */
export class CertificateMismatch extends Error {
  override readonly name = 'CertificateMismatch';
}

/** What the record made before signing says. */
export interface IntendedCertificate {
  readonly toBeSigned: Uint8Array;
  /** Hexadecimal. */
  readonly serialNumber: string;
  readonly publicKey: {
    readonly subjectPublicKeyInfo: Uint8Array;
    readonly subjectPublicKey: Uint8Array;
  };
}

/** @throws CertificateMismatch, DerError or CertificateError */
export function checkCertificate(
  der: Uint8Array,
  intended: IntendedCertificate,
  issuer: CaCertificate,
): Certificate {
  const certificate = readCertificate(der);
  demand(sameBytes(certificate.toBeSigned, intended.toBeSigned), 'to-be-signed octets');
  demand(certificate.serialNumber === intended.serialNumber, 'serial number');
  demand(sameBytes(certificate.issuer, issuer.subject), 'issuer');
  demand(
    sameBytes(certificate.subjectPublicKeyInfo, intended.publicKey.subjectPublicKeyInfo),
    'public key',
  );
  demand(certificate.notBefore >= issuer.notBefore, 'notBefore');
  demand(
    certificate.notAfter <= issuer.notAfter && certificate.notBefore < certificate.notAfter,
    'notAfter',
  );
  const identifier = extensionOf(certificate, 'subjectKeyIdentifier')?.value.subarray(2);
  demand(
    identifier !== undefined &&
      sameBytes(identifier, keyIdentifierOf(intended.publicKey.subjectPublicKey)),
    'subjectKeyIdentifier',
  );
  return certificate;
}

function demand(holds: boolean, what: string): void {
  if (!holds)
    throw new CertificateMismatch(`The signed certificate differs from its record: ${what}.`);
}
