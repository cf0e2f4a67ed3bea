/**
 * OneAsymmetricKey in version v1 (RFC 5958 section 2) from the values that a token shows of a
 * private key. Every copy that is made on the way is overwritten.
 */
import { encode, tags } from '../ca/der.ts';
import { oid } from '../ca/object-identifiers.ts';

const version0 = encode(tags.integer, Uint8Array.of(0));
const version1 = encode(tags.integer, Uint8Array.of(1));

/** Curve by name: its object identifier (RFC 5480 section 2.1.1.1), octets of a private key. */
const curves = {
  'P-256': { curve: oid.secp256r1, octets: 32 },
  'P-384': { curve: oid.secp384r1, octets: 48 },
  'P-521': { curve: oid.secp521r1, octets: 66 },
} as const;

/**
 * ECPrivateKey of RFC 5915 section 3, the curve in the algorithm alone.
 * @param value CKA_VALUE: big-endian, leading zeros left out or not
 * @throws RangeError when the value is longer than the curve's
 */
export function ecPrivateKeyInfo(name: keyof typeof curves, value: Uint8Array): Uint8Array {
  const { curve, octets } = curves[name];
  if (value.length > octets) throw new RangeError(`the value is too long for ${name}`);
  const scalar = new Uint8Array(octets);
  scalar.set(value, octets - value.length);
  const octetString = encode(tags.octetString, scalar);
  const key = encode(tags.sequence, version1, octetString);
  try {
    return oneAsymmetricKey(encode(tags.sequence, oid.ecPublicKey, curve), key);
  } finally {
    wipe(scalar, octetString, key);
  }
}

/** CurvePrivateKey of RFC 8410 section 7. @param value CKA_VALUE, 32 octets */
export function ed25519PrivateKeyInfo(value: Uint8Array): Uint8Array {
  if (value.length !== 32) throw new RangeError('an Ed25519 key has 32 octets');
  const key = encode(tags.octetString, value);
  try {
    return oneAsymmetricKey(encode(tags.sequence, oid.ed25519), key);
  } finally {
    wipe(key);
  }
}

/**
 * RSAPrivateKey of RFC 8017 appendix A.1.2.
 * @param values modulus, publicExponent, privateExponent, prime1, prime2, exponent1, exponent2 and
 *   coefficient, each big-endian
 */
export function rsaPrivateKeyInfo(values: readonly Uint8Array[]): Uint8Array {
  const integers = values.map(unsignedInteger);
  const key = encode(tags.sequence, version0, ...integers);
  try {
    return oneAsymmetricKey(encode(tags.sequence, oid.rsaEncryption, encode(tags.null)), key);
  } finally {
    wipe(key, ...integers);
  }
}

function unsignedInteger(magnitude: Uint8Array): Uint8Array {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start += 1;
  const minimal = magnitude.subarray(start);
  // A set top bit would make it negative.
  const sign = ((minimal[0] ?? 0) & 0x80) === 0 ? [] : [Uint8Array.of(0)];
  return encode(tags.integer, ...sign, minimal);
}

function oneAsymmetricKey(algorithm: Uint8Array, privateKey: Uint8Array): Uint8Array {
  const octetString = encode(tags.octetString, privateKey);
  try {
    return encode(tags.sequence, version0, algorithm, octetString);
  } finally {
    wipe(octetString);
  }
}

/** Overwrites what was secret. */
export function wipe(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}
