/**
 * The digests of CMS messages: SHA-256, SHA-384 and SHA-512, and no other (RFC 5754 section 2).
 */

import { type DerElement, encode, tags } from '../der.ts';
import { type ObjectIdentifier, oid, oidName } from '../object-identifiers.ts';

/** A digest by its OpenSSL name. */
export type Digest = 'sha256' | 'sha384' | 'sha512';

const digestNames: Partial<Record<ObjectIdentifier, Digest>> = {
  'id-sha256': 'sha256',
  'id-sha384': 'sha384',
  'id-sha512': 'sha512',
};

/** DigestAlgorithmIdentifier, DER, without parameters. */
export function digestAlgorithmIdentifier(digest: Digest): Uint8Array {
  return encode(tags.sequence, oid[`id-${digest}`]);
}

/** The digest if it is an accepted one; its parameters may be NULL or absent. */
export function readDigestAlgorithm(algorithm: DerElement | undefined): Digest | undefined {
  const [type, parameters, surplus] = algorithm?.children ?? [];
  const name = type && oidName(type.bytes);
  if (!name || surplus || (parameters && parameters.tag !== tags.null)) return undefined;
  return digestNames[name];
}
