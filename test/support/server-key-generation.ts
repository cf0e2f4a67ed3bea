/**
 * /serverkeygen as its clients meet it: the answer taken apart.
 */

import assert from 'node:assert/strict';
import { certificatesOf, type EstAnswer, openssl } from './est-client.ts';
import { type ReadPart, readMultipart } from './multipart.ts';

export interface KeyAndCertificate {
  /** The part with the key as it came. */
  readonly keyPart: ReadPart;
  /** PEM. */
  readonly certificate: string;
}

/** Exactly two parts, the key first (RFC 7030 section 4.4.2). */
export function takeApart({ status, headers, body }: EstAnswer): KeyAndCertificate {
  assert.equal(status, 200, body);
  const [keyPart, certificatePart, ...more] = readMultipart(headers['content-type'] ?? '', body);
  assert.ok(keyPart && certificatePart);
  assert.equal(more.length, 0);
  assert.equal(
    certificatePart.headers['content-type'],
    'application/pkcs7-mime; smime-type=certs-only',
  );
  const [certificate, ...others] = certificatesOf({ body: certificatePart.der.toString('base64') });
  assert.ok(certificate);
  assert.equal(others.length, 0);
  return { keyPart, certificate };
}

/** SubjectPublicKeyInfo, PEM, as OpenSSL finds it in a private key (PKCS #8). */
export const publicKeyOfKey = (privateKey: Uint8Array): string =>
  openssl(['pkey', '-inform', 'DER', '-pubout'], privateKey).toString();

export const publicKeyOfCertificate = (certificate: string): string =>
  openssl(['x509', '-pubkey', '-noout'], certificate).toString();

export function assertKeyOf(privateKey: Uint8Array, certificate: string): void {
  assert.equal(publicKeyOfKey(privateKey), publicKeyOfCertificate(certificate));
}
