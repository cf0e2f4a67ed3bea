/**
 * Which key an operator means: one that leaked is at hand as a file, one from a report as a digest.
 */

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  X509Certificate,
} from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { usage } from './exit.ts';

/**
 * SHA-256 of a SubjectPublicKeyInfo, as the ledger has it.
 * @param text the digest in hexadecimal, or the path of a certificate, a public key or an unencrypted private key, each
 * as PEM or DER
 * @throws CommandError
 */
export function publicKeyDigestOf(text: string): string {
  const digest = text.replaceAll(':', '').toLowerCase();
  if (/^[0-9a-f]{64}$/.test(digest)) return digest;
  if (!statSync(text, { throwIfNoEntry: false })?.isFile())
    throw usage(`"${text}" is neither a SHA-256 digest in hexadecimal nor a file.`);
  const content = readFileSync(text);
  for (const read of readers) {
    try {
      const info = read(content).export({ type: 'spki', format: 'der' });
      return createHash('sha256').update(info).digest('hex');
    } catch {
      // It may be one of the others.
    }
  }
  throw usage(`${text} holds no certificate and no key that can be read without a password.`);
}

const privateKey = (type: 'pkcs8' | 'sec1' | 'pkcs1') => (key: Buffer) =>
  createPublicKey(createPrivateKey({ key, format: 'der', type }));

/** Of PEM, createPublicKey takes a private key too, and gives its public half. */
const readers: readonly ((content: Buffer) => KeyObject)[] = [
  (content) => new X509Certificate(content).publicKey,
  (content) => createPublicKey(content),
  (key) => createPublicKey({ key, format: 'der', type: 'spki' }),
  privateKey('pkcs8'),
  privateKey('sec1'),
  privateKey('pkcs1'),
];
