/**
 * The keys that an EnvelopedData can be made for, and what they are worth: a shared AES key, or a public key for key
 * transport (RSA) or key agreement (P-256, P-384, P-521, X25519).
 */

import type { KeyObject } from 'node:crypto';
import { type Certificate, extensionOf } from '../certificate.ts';
import { DerError, readDer, tags } from '../der.ts';
import { type PublicKey, readPublicKey } from '../key-rules.ts';
import { Refusal } from '../refusal.ts';
import type { CertificateIdentifier } from './certificate-identifier.ts';

/** Bits of an AES key. */
export type AesBits = 128 | 192 | 256;

/** Curves for key agreement; RSA for key transport. */
export type RecipientKeyKind = 'RSA' | 'P-256' | 'P-384' | 'P-521' | 'X25519';

export interface RecipientKey {
  readonly kind: RecipientKeyKind;
  readonly key: KeyObject;
  /** The AES key size that is at least as strong (NIST SP 800-57 part 1, section 5.6.1.1). */
  readonly strength: AesBits;
}

export type Recipient =
  | {
      readonly kind: 'shared-key';
      /** What the key is known by to both sides (RFC 5652 section 6.2.3). */
      readonly keyIdentifier: Uint8Array;
      /** The AES key-encryption key: 16, 24 or 32 octets. */
      readonly key: Uint8Array;
    }
  | {
      readonly kind: 'public-key';
      readonly identifier: CertificateIdentifier;
      readonly key: RecipientKey;
    };

/** By OpenSSL's names. */
const curves: ReadonlyMap<string | undefined, Pick<RecipientKey, 'kind' | 'strength'>> = new Map([
  ['prime256v1', { kind: 'P-256', strength: 128 }],
  ['secp384r1', { kind: 'P-384', strength: 192 }],
  ['secp521r1', { kind: 'P-521', strength: 256 }],
]);

/**
 * @param subjectPublicKeyInfo DER
 * @throws Refusal unsupported-key
 */
export function readRecipientKey(subjectPublicKeyInfo: Uint8Array): RecipientKey {
  const { kind, key } = readKey(subjectPublicKeyInfo);
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  const curve = curves.get(namedCurve);
  if (kind === 'EC' && curve) return { ...curve, key };
  if (kind === 'RSA') return { kind, key, strength: modulusLength > 3072 ? 192 : 128 };
  if (kind === 'X25519') return { kind, key, strength: 128 };
  throw unfit('This kind of key cannot decrypt: use RSA, P-256, P-384, P-521 or X25519.');
}

function readKey(subjectPublicKeyInfo: Uint8Array): PublicKey {
  try {
    return readPublicKey(readDer(subjectPublicKeyInfo));
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw unfit(`The public key is not DER: ${cause.message}.`, { cause });
  }
}

function unfit(message: string, options?: ErrorOptions): Refusal {
  return new Refusal('unsupported-key', message, options);
}

/** Bits of keyUsage in its first octet (RFC 5280 section 4.2.1.3). */
const keyEncipherment = 0x20;
const keyAgreement = 0x08;

/**
 * Whether a certificate lets its key be used to receive keys: by the keyUsage bit for its technique, or because it has
 * no keyUsage at all (RFC 7030 section 4.4.1.2, RFC 5652 sections 6.2.1 and 6.2.2).
 */
export function mayReceiveKeys(certificate: Certificate, { kind }: RecipientKey): boolean {
  const extension = extensionOf(certificate, 'keyUsage');
  if (!extension) return true;
  const { tag, content } = readDer(extension.value);
  const needed = kind === 'RSA' ? keyEncipherment : keyAgreement;
  return tag === tags.bitString && ((content[1] ?? 0) & needed) !== 0;
}
