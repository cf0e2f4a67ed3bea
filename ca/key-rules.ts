/**
 * Which public keys are certified: RSA of 2048 to 4096 bits, P-256, P-384, P-521, Ed25519, Ed448, ML-DSA; and for key
 * agreement, where possession is proven in another way than by signing, X25519 and X448.
 */

import { createPublicKey, type KeyObject } from 'node:crypto';
import { type DerElement, DerError, readDer, tags } from './der.ts';
import { type ObjectIdentifier, octetsKey, oidName } from './object-identifiers.ts';
import { Refusal } from './refusal.ts';
import { rsaWeakness } from './rsa-weakness.ts';
import { type PssParameters, pssHashLengths, readPssParameters } from './rsassa-pss.ts';

export type PublicKeyKind =
  | 'RSA'
  /** An RSA key that its owner restricts to RSASSA-PSS (RFC 4055 section 1.2). */
  | 'RSA-PSS'
  | 'EC'
  | 'Ed25519'
  | 'Ed448'
  | 'ML-DSA-44'
  | 'ML-DSA-65'
  | 'ML-DSA-87'
  | 'X25519'
  | 'X448';

export interface PublicKey {
  readonly kind: PublicKeyKind;
  /** SubjectPublicKeyInfo, DER. */
  readonly subjectPublicKeyInfo: Uint8Array;
  /** The content of its BIT STRING: what a key identifier is made of (RFC 5280 section 4.2.1.2). */
  readonly subjectPublicKey: Uint8Array;
  readonly key: KeyObject;
  /** Whether signatures can be made with it; X25519 and X448 agree on keys and do nothing else. */
  readonly canSign: boolean;
  /** Whether a verification with it takes half a millisecond and more: P-384 and P-521. */
  readonly slow: boolean;
  /** What an RSA-PSS key demands of its signatures, with the salt length as a minimum (RFC 4055 section 3.3). */
  readonly pss?: PssParameters;
}

const curves = new Set<ObjectIdentifier | undefined>(['secp256r1', 'secp384r1', 'secp521r1']);
/** Octets of an uncompressed point: 04, x, y. */
const p256PointLength = 65;
const accepted =
  'Accepted are RSA with 2048 to 4096 bits, P-256, P-384, P-521, Ed25519, Ed448 and ML-DSA; at /fullcmc also X25519.';

/** Algorithms whose key is a string of octets and has no parameters. */
const octetKeys: Partial<
  Record<ObjectIdentifier, { kind: PublicKeyKind; length: number; source: string }>
> = {
  ed25519: { kind: 'Ed25519', length: 32, source: 'RFC 8410 section 3' },
  ed448: { kind: 'Ed448', length: 57, source: 'RFC 8410 section 3' },
  x25519: { kind: 'X25519', length: 32, source: 'RFC 8410 section 3' },
  x448: { kind: 'X448', length: 56, source: 'RFC 8410 section 3' },
  'id-ml-dsa-44': { kind: 'ML-DSA-44', length: 1312, source: 'RFC 9881 section 2' },
  'id-ml-dsa-65': { kind: 'ML-DSA-65', length: 1952, source: 'RFC 9881 section 2' },
  'id-ml-dsa-87': { kind: 'ML-DSA-87', length: 2592, source: 'RFC 9881 section 2' },
};

function unsupported(what: string, options?: ErrorOptions): Refusal<'unsupported-key'> {
  return new Refusal('unsupported-key', `${what} ${accepted}`, options);
}

/**
 * Reads the key of a request that is its own proof of possession, which takes a key that can sign.
 * @throws Refusal unsupported-key
 */
export function readSigningKey(info: DerElement): PublicKey {
  const publicKey = readPublicKey(info);
  if (!publicKey.canSign) throw cannotSign(publicKey.kind, 'send the request to /fullcmc.');
  return publicKey;
}

function cannotSign(kind: string, what: string): Refusal<'unsupported-key'> {
  return unsupported(
    `A key for ${kind} cannot sign, so its request proves no possession of it (RFC 7030 section 4.2.1): ${what}`,
  );
}

/** Reads a SubjectPublicKeyInfo and holds it to the rules. @throws Refusal unsupported-key */
export function readPublicKey(info: DerElement): PublicKey {
  const [algorithm, bits, surplus] = info.children;
  if (info.tag !== tags.sequence || !algorithm || !bits || surplus || bits.tag !== tags.bitString)
    throw unsupported('The public key is malformed.');
  // OpenSSL overlooks the count of unused bits, and the same key would get a second digest.
  if (bits.content[0] !== 0) throw unsupported('The public key is malformed.');
  const { kind, length, pss } = readAlgorithm(algorithm);
  const subjectPublicKey = bits.content.subarray(1);
  if (length !== undefined && subjectPublicKey.length !== length)
    throw unsupported(`The public key is malformed: a key for ${kind} has ${length} octets.`);
  requireOneEncoding(kind, subjectPublicKey);
  const isRsa = kind === 'RSA' || kind === 'RSA-PSS';
  const modulus = isRsa ? readModulus(subjectPublicKey) : undefined;
  const key = importKey(info.bytes);
  if (modulus !== undefined) checkRsa(key, modulus);
  return {
    kind,
    subjectPublicKeyInfo: info.bytes,
    subjectPublicKey,
    key,
    canSign: kind !== 'X25519' && kind !== 'X448',
    slow: kind === 'EC' && subjectPublicKey.length > p256PointLength,
    ...(pss ? { pss } : {}),
  };
}

/** One key, one encoding, one digest on record. */
function requireOneEncoding(kind: PublicKeyKind, octets: Uint8Array): void {
  // RFC 5480 section 2.2 lets a CA decline compressed points.
  if (kind === 'EC' && octets[0] !== 0x04)
    throw unsupported('The elliptic curve point must be in uncompressed form.');
  // RFC 7748 section 5 has the highest bit ignored.
  if (kind === 'X25519' && (octets.at(-1) ?? 0xff) >= 0x80)
    throw unsupported('The highest bit of an X25519 key must be zero.');
}

interface KeyAlgorithm {
  readonly kind: PublicKeyKind;
  /** Octets of the key, where all have the same. */
  readonly length?: number;
  readonly pss?: PssParameters;
}

function readAlgorithm(algorithm: DerElement): KeyAlgorithm {
  const [type, parameters, surplus] = algorithm.children;
  const name = type && oidName(type.bytes);
  if (surplus) throw unsupported('The public key has malformed algorithm parameters.');
  switch (name) {
    case 'rsaEncryption':
      if (parameters?.tag === tags.null) return { kind: 'RSA' };
      throw unsupported('An RSA key must have NULL parameters (RFC 3279 section 2.3.1).');
    case 'id-RSASSA-PSS':
      return readPssAlgorithm(parameters);
    case 'ecPublicKey':
      if (parameters?.tag === tags.oid && curves.has(oidName(parameters.bytes)))
        return { kind: 'EC' };
      throw unsupported(
        'The elliptic curve is not an accepted named curve (RFC 5480 section 2.1.1).',
      );
    case 'id-alg-ml-kem-512':
    case 'id-alg-ml-kem-768':
    case 'id-alg-ml-kem-1024':
      throw cannotSign('ML-KEM', 'it belongs to /fullcmc, which does not take ML-KEM yet.');
  }
  const octetKey = name && octetKeys[name];
  if (!octetKey) throw unsupported('The public key algorithm is not accepted.');
  const { kind, length, source } = octetKey;
  if (parameters) throw unsupported(`A key for ${kind} must have no parameters (${source}).`);
  return { kind, length };
}

/** Without parameters the key is restricted to RSASSA-PSS, with them to what they say as well (RFC 4055 section 3.1). */
function readPssAlgorithm(parameters: DerElement | undefined): KeyAlgorithm {
  if (!parameters) return { kind: 'RSA-PSS' };
  const pss = readPssParameters(parameters, unsupported);
  if (pss.saltLength > pssHashLengths[pss.hash])
    throw unsupported('The key demands a salt for RSASSA-PSS that is longer than its hash.');
  return { kind: 'RSA-PSS', pss };
}

/**
 * The modulus, provided that the BIT STRING holds exactly one RSAPublicKey (RFC 8017 appendix A.1.1): OpenSSL overlooks
 * what follows it.
 */
function readModulus(octets: Uint8Array): bigint {
  try {
    const { tag, children } = readDer(octets);
    const [modulus] = children;
    const isInteger = (element: DerElement) =>
      element.tag === tags.integer && (element.content[0] ?? 0x80) < 0x80;
    if (tag === tags.sequence && modulus && children.length === 2 && children.every(isInteger))
      return BigInt(`0x${octetsKey(modulus.content)}`);
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

function checkRsa(key: KeyObject, modulus: bigint): void {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < 2048 || modulusLength > 4096)
    throw unsupported(`An RSA key of ${modulusLength} bits is not accepted.`);
  if (publicExponent < 65537n || publicExponent % 2n === 0n || publicExponent >= 2n ** 32n)
    throw unsupported('The RSA public exponent must be odd and between 65537 and 2^32.');
  const weakness = rsaWeakness(modulus);
  if (weakness) throw unsupported(`The RSA key is weak: ${weakness}.`);
}
