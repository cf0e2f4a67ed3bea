import { readFileSync, statSync } from 'node:fs';
import { readCertificatesOf } from '../ca/cms/read-certificates.ts';
import { readDer, tags } from '../ca/der.ts';
import { Refusal } from '../ca/refusal.ts';
import { usage } from './exit.ts';

/** More octets than this are no chain. */
const longest = 1 << 18;
const pem = /-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----/g;

/**
 * The certificates of a file: PEM of certificates or PKCS #7, or one of both in DER.
 * @returns DER, in their order
 * @throws CommandError
 */
export function readCertificates(path: string): Uint8Array[] {
  if (statSync(path).size > longest)
    throw usage(`${path} is larger than a certificate with its chain.`);
  const content = readFileSync(path);
  if (content[0] === tags.sequence) return certificatesIn(content, path);
  const blocks = [...content.toString('latin1').matchAll(pem)];
  const found = blocks.flatMap(([, label = '', base64 = '']) => {
    const der = Buffer.from(base64, 'base64');
    if (label === 'CERTIFICATE') return [der];
    return label === 'PKCS7' || label === 'CMS' ? certificatesIn(der, path) : [];
  });
  if (found.length === 0)
    throw usage(`${path} holds no certificate: PEM, DER and PKCS #7 (certs-only) are read.`);
  return found;
}

/** A ContentInfo begins with an object identifier, a certificate with a SEQUENCE. */
function certificatesIn(der: Uint8Array, path: string): Uint8Array[] {
  const first = der[(der[1] ?? 0) < 0x80 || der[1] === 0x80 ? 2 : 2 + ((der[1] ?? 0) & 0x7f)];
  try {
    if (first === tags.oid) return readCertificatesOf(der);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw usage(`${path} cannot be read: ${error.message}`);
  }
  return [readDer(der).bytes];
}
