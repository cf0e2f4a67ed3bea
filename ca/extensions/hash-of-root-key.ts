import { hash } from 'node:crypto';
import { encode, tags } from '../der.ts';
import { oid } from '../object-identifiers.ts';
import { encodeExtension } from './extension.ts';

/** AlgorithmIdentifier; SHA-2 has no parameters (RFC 5754 section 2). */
const sha256 = encode(tags.sequence, oid['id-sha256']);

/**
 * HashOfRootKey, not critical (RFC 8649 section 3): by it, who trusts a root knows the next one when it comes.
 * @param publicKey SubjectPublicKeyInfo of the next root, DER
 */
export function hashOfRootKey(publicKey: Uint8Array): Uint8Array {
  const digest = encode(tags.octetString, hash('sha256', publicKey, 'buffer'));
  return encodeExtension(oid['id-ce-hashOfRootKey'], encode(tags.sequence, sha256, digest));
}
