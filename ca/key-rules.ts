/**
 * Which public keys are certified: RSA of 2048 to 4096 bits, P-256, P-384, P-521, Ed25519.
 */

import { createPublicKey, type KeyObject } from 'node:crypto';
import { type DerElement, DerError, readDer, tags } from './der.ts';
import { type ObjectIdentifier, oidName } from './object-identifiers.ts';
import { Refusal } from './refusal.ts';
import { rsaWeakness } from './rsa-weakness.ts';

export interface PublicKey {
  readonly kind: 'RSA' | 'EC' | 'Ed25519';
  /** SubjectPublicKeyInfo, DER. */
  readonly subjectPublicKeyInfo: Uint8Array;
  /** The content of its BIT STRING: what a key identifier is made of (RFC 5280 section 4.2.1.2). */
  readonly subjectPublicKey: Uint8Array;
  readonly key: KeyObject;
  /** Whether a verification with it takes half a millisecond and more: P-384 and P-521. */
  readonly slow: boolean;
}

const curves = new Set<ObjectIdentifier | undefined>(['secp256r1', 'secp384r1', 'secp521r1']);
/** Octets of an uncompressed point: 04, x, y. */
const p256PointLength = 65;
const accepted = 'Accepted are RSA with 2048 to 4096 bits, P-256, P-384, P-521 and Ed25519.';

function unsupported(what: string, options?: ErrorOptions): Refusal<'unsupported-key'> {
  return new Refusal('unsupported-key', `${what} ${accepted}`, options);
}

/** Reads a SubjectPublicKeyInfo and holds it to the rules. @throws Refusal unsupported-key */
export function readPublicKey(info: DerElement): PublicKey {
  const [algorithm, bits, surplus] = info.children;
  if (info.tag !== tags.sequence || !algorithm || !bits || surplus || bits.tag !== tags.bitString)
    throw unsupported('The public key is malformed.');
  // OpenSSL overlooks the count of unused bits, and the same key would get a second digest.
  if (bits.content[0] !== 0) throw unsupported('The public key is malformed.');
  const kind = readAlgorithm(algorithm);
  const subjectPublicKey = bits.content.subarray(1);
  // RFC 5480 section 2.2 lets a CA decline compressed points: one key, one encoding, one digest.
  if (kind === 'EC' && subjectPublicKey[0] !== 0x04)
    throw unsupported('The elliptic curve point must be in uncompressed form.');
  if (kind === 'RSA') requireRsaPublicKey(subjectPublicKey);
  const key = importKey(info.bytes);
  if (kind === 'RSA') checkRsa(key);
  const slow = kind === 'EC' && subjectPublicKey.length > p256PointLength;
  return { kind, subjectPublicKeyInfo: info.bytes, subjectPublicKey, key, slow };
}

function readAlgorithm(algorithm: DerElement): PublicKey['kind'] {
  const [type, parameters, surplus] = algorithm.children;
  const name = type && oidName(type.bytes);
  if (surplus) throw unsupported('The public key has malformed algorithm parameters.');
  switch (name) {
    case 'rsaEncryption':
      if (parameters?.tag === tags.null) return 'RSA';
      throw unsupported('An RSA key must have NULL parameters (RFC 3279 section 2.3.1).');
    case 'ecPublicKey':
      if (parameters?.tag === tags.oid && curves.has(oidName(parameters.bytes))) return 'EC';
      throw unsupported(
        'The elliptic curve is not an accepted named curve (RFC 5480 section 2.1.1).',
      );
    case 'ed25519':
      if (!parameters) return 'Ed25519';
      throw unsupported('An Ed25519 key must have no parameters (RFC 8410 section 3).');
    default:
      throw unsupported('The public key algorithm is not accepted for /simpleenroll.');
  }
}

/** The BIT STRING holds exactly one RSAPublicKey (RFC 8017 appendix A.1.1): OpenSSL overlooks what follows it. */
function requireRsaPublicKey(octets: Uint8Array): void {
  try {
    const { tag, children } = readDer(octets);
    const isInteger = (element: DerElement) =>
      element.tag === tags.integer && (element.content[0] ?? 0x80) < 0x80;
    if (tag === tags.sequence && children.length === 2 && children.every(isInteger)) return;
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
  }
  throw unsupported('The RSA public key is malformed.');
}

/** OpenSSL checks here that a point lies on its curve. */
function importKey(info: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(info), format: 'der', type: 'spki' });
  } catch (cause) {
    throw unsupported('The public key is not valid on its curve or is malformed.', { cause });
  }
}

function checkRsa(key: KeyObject): void {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < 2048 || modulusLength > 4096)
    throw unsupported(`An RSA key of ${modulusLength} bits is not accepted.`);
  if (publicExponent < 65537n || publicExponent % 2n === 0n || publicExponent >= 2n ** 32n)
    throw unsupported('The RSA public exponent must be odd and between 65537 and 2^32.');
  const { n } = key.export({ format: 'jwk' });
  const weakness = rsaWeakness(BigInt(`0x${Buffer.from(n ?? '', 'base64url').toString('hex')}`));
  if (weakness) throw unsupported(`The RSA key is weak: ${weakness}.`);
}
