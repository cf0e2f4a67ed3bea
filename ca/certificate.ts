/**
 * Reads a certificate (RFC 5280 section 4.1) strictly, into the octets and values that decisions are made on.
 */

import { hash } from 'node:crypto';
import { type DerElement, encodeTime, latin1, readDer, sameBytes, tags } from './der.ts';
import { type ObjectIdentifier, octetsKey, oid } from './object-identifiers.ts';

export interface CertificateExtension {
  readonly critical: boolean;
  /** The content of extnValue: the extension's own DER. */
  readonly value: Uint8Array;
}

export interface Certificate {
  readonly der: Uint8Array;
  readonly toBeSigned: Uint8Array;
  /** Hexadecimal, lower case, as the content octets of the INTEGER stand. */
  readonly serialNumber: string;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly subjectPublicKeyInfo: Uint8Array;
  readonly subjectPublicKey: Uint8Array;
  /** By the hexadecimal DER of the extension's object identifier. */
  readonly extensions: ReadonlyMap<string, CertificateExtension>;
}

export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}

/** @throws CertificateError or DerError when the octets are not one strictly encoded X.509 v3 certificate */
export function readCertificate(der: Uint8Array): Certificate {
  const outer = readDer(der);
  const [tbs, outerAlgorithm, signature] = outer.children;
  const [version, serial, innerAlgorithm, issuer, validity, subject, key, ...rest] =
    tbs?.children ?? [];
  const [notBefore, notAfter] = validity?.children ?? [];
  const bits = key?.children[1];
  if (
    outer.children.length !== 3 ||
    !tbs ||
    version?.tag !== 0xa0 ||
    octetsKey(version.content) !== '020102' ||
    serial?.tag !== tags.integer ||
    !issuer ||
    !subject ||
    !key ||
    !bits ||
    !notBefore ||
    !notAfter ||
    signature?.tag !== tags.bitString
  )
    throw new CertificateError('This is not an X.509 version 3 certificate.');
  if (
    !innerAlgorithm ||
    octetsKey(innerAlgorithm.bytes) !== octetsKey(outerAlgorithm?.bytes ?? der)
  )
    throw new CertificateError('The two signature algorithms of the certificate differ.');
  return {
    der,
    toBeSigned: tbs.bytes,
    serialNumber: octetsKey(serial.content),
    issuer: issuer.bytes,
    subject: subject.bytes,
    notBefore: readTime(notBefore),
    notAfter: readTime(notAfter),
    subjectPublicKeyInfo: key.bytes,
    subjectPublicKey: bits.content.subarray(1),
    extensions: readExtensions(rest),
  };
}

/** The one encoding of each time (RFC 5280 section 4.1.2.5). `Date` would read 30 February as 2 March. */
export function readTime({ tag, bytes, content }: DerElement): Date {
  const digits = latin1(content);
  const full =
    tag === tags.utcTime ? `${Number(digits.slice(0, 2)) < 50 ? '20' : '19'}${digits}` : digits;
  const time = new Date(
    full.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'),
  );
  if (Number.isNaN(time.getTime()) || !sameBytes(encodeTime(time), bytes))
    throw new CertificateError('The validity holds an impossible time.');
  return time;
}

function readExtensions(rest: readonly DerElement[]): Map<string, CertificateExtension> {
  const list = rest.find(({ tag }) => tag === 0xa3)?.children[0];
  const extensions = new Map<string, CertificateExtension>();
  for (const extension of list?.children ?? []) {
    const [type, ...more] = extension.children;
    const value = more.at(-1);
    const critical = more.length === 2 ? more[0] : undefined;
    if (
      type?.tag !== tags.oid ||
      value?.tag !== tags.octetString ||
      more.length > 2 ||
      (critical && critical.tag !== tags.boolean)
    )
      throw new CertificateError('An extension is malformed.');
    const key = octetsKey(type.bytes);
    if (extensions.has(key)) throw new CertificateError('An extension stands twice.');
    extensions.set(key, {
      critical: critical?.content[0] === 0xff,
      value: value.content,
    });
  }
  return extensions;
}

export function extensionOf(
  certificate: Certificate,
  name: ObjectIdentifier,
): CertificateExtension | undefined {
  return certificate.extensions.get(octetsKey(oid[name]));
}

/** SHA-1 of the key's BIT STRING content, method 1 of RFC 5280 section 4.2.1.2: a name for a key, not a protection. */
export function keyIdentifierOf(subjectPublicKey: Uint8Array): Uint8Array {
  return hash('sha1', subjectPublicKey, 'buffer');
}

/** SHA-256 over the whole DER, as `openssl x509 -fingerprint -sha256` prints it: `AB:CD:...`. */
export function fingerprintOf(der: Uint8Array): string {
  const hex = hash('sha256', der, 'hex').toUpperCase();
  return (hex.match(/../g) ?? []).join(':');
}
