/**
 * Private keys on their way to their owner: OneAsymmetricKey and AsymmetricKeyPackage (RFC 5958 section 2).
 */

import { type DerElement, encode, readDer, tags } from '../der.ts';
import { octetsKey, oidName } from '../object-identifiers.ts';

/** The octets are not one well-formed OneAsymmetricKey. The message says nothing of what they hold. */
export class AsymmetricKeyError extends Error {
  override readonly name = 'AsymmetricKeyError';
}

/** Versions as encoded: v1 without publicKey, v2 with it. */
const versions = { v1: '020100', v2: '020101' };

/**
 * Checks one OneAsymmetricKey, which is PrivateKeyInfo where it is version 1 (PKCS #8): the version fits what is there,
 * and the key of an elliptic curve names its curve where every reader looks for it.
 * @throws AsymmetricKeyError, DerError
 */
export function checkOneAsymmetricKey(der: Uint8Array): void {
  const key = readDer(der);
  const [version, algorithm, privateKey, ...rest] = key.children;
  if (rest[0]?.tag === 0xa0) rest.shift();
  const publicKey = rest[0]?.tag === 0x81 ? rest.shift() : undefined;
  if (
    key.tag !== tags.sequence ||
    !version ||
    algorithm?.tag !== tags.sequence ||
    privateKey?.tag !== tags.octetString ||
    rest.length > 0
  )
    throw new AsymmetricKeyError('The private key is not a OneAsymmetricKey.');
  if (octetsKey(version.bytes) !== (publicKey ? versions.v2 : versions.v1))
    throw new AsymmetricKeyError('The version of the private key does not fit its content.');
  checkCurve(algorithm);
}

function checkCurve(algorithm: DerElement): void {
  const [type, parameters] = algorithm.children;
  if (type && oidName(type.bytes) === 'ecPublicKey' && parameters?.tag !== tags.oid)
    throw new AsymmetricKeyError('The private key does not name its curve.');
}

/**
 * @param keys each a OneAsymmetricKey, DER
 * @returns AsymmetricKeyPackage, DER: the content of type id-ct-KP-aKeyPackage
 * @throws AsymmetricKeyError, DerError
 */
export function encodeAsymmetricKeyPackage(...keys: readonly Uint8Array[]): Uint8Array {
  for (const key of keys) checkOneAsymmetricKey(key);
  return encode(tags.sequence, ...keys);
}
