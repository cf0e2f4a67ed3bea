/**
 * How CMS names a certificate: SignerIdentifier and RecipientIdentifier (RFC 5652 sections 5.3, 6.2.1 and 10.2.4).
 */

import { type Certificate, extensionOf } from '../certificate.ts';
import { type DerElement, DerError, encode, readDer, sameBytes, tags } from '../der.ts';
import { octetsKey } from '../object-identifiers.ts';
import { malformed } from '../refusal.ts';

export type CertificateIdentifier =
  | {
      readonly kind: 'issuerAndSerialNumber';
      /** Name, DER. */
      readonly issuer: Uint8Array;
      /** Hexadecimal, lower case, as the content octets of the INTEGER stand. */
      readonly serialNumber: string;
    }
  | {
      readonly kind: 'subjectKeyIdentifier';
      readonly keyIdentifier: Uint8Array;
    };

/** [0] IMPLICIT SubjectKeyIdentifier. */
const keyIdentifierTag = 0x80;

/** @throws Refusal malformed-request */
export function readCertificateIdentifier(element: DerElement): CertificateIdentifier {
  if (element.tag === keyIdentifierTag)
    return { kind: 'subjectKeyIdentifier', keyIdentifier: element.content };
  const [issuer, serial, surplus] = element.children;
  if (
    element.tag !== tags.sequence ||
    issuer?.tag !== tags.sequence ||
    serial?.tag !== tags.integer ||
    surplus
  )
    throw malformed('The CMS message names a certificate in no known way (RFC 5652 section 5.3).');
  return {
    kind: 'issuerAndSerialNumber',
    issuer: issuer.bytes,
    serialNumber: octetsKey(serial.content),
  };
}

export function encodeCertificateIdentifier(identifier: CertificateIdentifier): Uint8Array {
  if (identifier.kind === 'subjectKeyIdentifier')
    return encode(keyIdentifierTag, identifier.keyIdentifier);
  const serial = encode(tags.integer, Buffer.from(identifier.serialNumber, 'hex'));
  return encode(tags.sequence, identifier.issuer, serial);
}

export function issuerAndSerialNumberOf({
  issuer,
  serialNumber,
}: Pick<Certificate, 'issuer' | 'serialNumber'>): CertificateIdentifier {
  return { kind: 'issuerAndSerialNumber', issuer, serialNumber };
}

/** Whether it names this certificate, by its issuer and serial number or by its subjectKeyIdentifier extension. */
export function identifiesCertificate(
  identifier: CertificateIdentifier,
  certificate: Certificate,
): boolean {
  if (identifier.kind === 'issuerAndSerialNumber')
    return (
      identifier.serialNumber === certificate.serialNumber &&
      sameBytes(identifier.issuer, certificate.issuer)
    );
  const own = subjectKeyIdentifierOf(certificate);
  return own !== undefined && sameBytes(own, identifier.keyIdentifier);
}

/** Whoever made the certificate may have written anything there; what is malformed identifies nothing. */
function subjectKeyIdentifierOf(certificate: Certificate): Uint8Array | undefined {
  const extension = extensionOf(certificate, 'subjectKeyIdentifier');
  if (!extension) return undefined;
  try {
    const { tag, content } = readDer(extension.value);
    return tag === tags.octetString ? content : undefined;
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}
