/**
 * What a relying party sees in an issued certificate, read by OpenSSL: none of our own code judges it.
 */

import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { openssl, withFile } from './est-client.ts';

/** The endpoint that test/support/bestow.ts gives the tenant, as UpstreamEndpoints: SEQUENCE, IA5String. */
const endpoint = 'mqtts://broker.example:8883';
const endpointValue = `301D161B${Buffer.from(endpoint).toString('hex').toUpperCase()}`;
const arc = '2.25.167961711462897340840238540640387591537';

export interface Expected {
  /** The CA certificates as a device got them from the server, PEM. */
  readonly caCertificates: string;
  /** Common name of the subject. */
  readonly device: string;
  /** PEM, a private or a public key. */
  readonly key: string;
}

/** Asserts that a device's certificate (PEM) is what it asked for and what a relying party needs. */
export function assertIssued(certificate: string, { caCertificates, device, key }: Expected): void {
  verifyAsClient(certificate, caCertificates);
  const x509 = new X509Certificate(certificate);
  assert.equal(x509.subject, `CN=${device}`);
  assert.equal(spki(x509.publicKey), spki(publicKeyOf(key)));
  const extension = extensionAt(certificate, `${arc}.1`);
  assert.deepEqual(extension, { critical: false, value: endpointValue });
}

/** As strictly as OpenSSL can (RFC 5280), for a TLS client. @throws Error with OpenSSL's complaint */
export function verifyAsClient(certificate: string, caCertificates: string): void {
  const purpose = ['-x509_strict', '-purpose', 'sslclient'];
  withFile(caCertificates, (file) =>
    openssl(['verify', ...purpose, '-CAfile', file], Buffer.from(certificate)),
  );
}

/** The endpoints as Subject Information Access, the way `openssl x509` prints them. */
export function printedSia(certificate: string): string {
  return openssl(['x509', '-noout', '-ext', 'subjectInfoAccess'], certificate).toString();
}

/** What `printedSia` says of a certificate that carries the endpoint there. */
export const expectedSia = `Subject Information Access: \n    ${arc}.2 - URI:${endpoint}\n`;

/** An extension by its object identifier, its value as hexadecimal digits; undefined when there is none. */
export function extensionAt(
  certificate: string,
  identifier: string,
): { critical: boolean; value: string } | undefined {
  const lines = openssl(['asn1parse'], certificate).toString().split('\n');
  const at = lines.findIndex((line) => line.endsWith(`OBJECT            :${identifier}`));
  if (at < 0) return undefined;
  const critical = lines[at + 1]?.includes('BOOLEAN') ?? false;
  const octets = lines[at + (critical ? 2 : 1)]?.split('OCTET STRING      [HEX DUMP]:')[1];
  return { critical, value: octets ?? 'not an OCTET STRING' };
}

function publicKeyOf(key: string) {
  return createPublicKey(key.includes('PRIVATE KEY') ? createPrivateKey(key) : key);
}

function spki(key: ReturnType<typeof createPublicKey>): string {
  return key.export({ type: 'spki', format: 'pem' }).toString();
}
