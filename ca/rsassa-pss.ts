/**
 * RSASSA-PSS-params (RFC 4055 section 3.1), as far as they are accepted: SHA-256, SHA-384 or SHA-512, and MGF1 with the
 * same hash.
 */

import { type DerElement, encode, sameBytes, tags } from './der.ts';
import { type ObjectIdentifier, oid, oidName } from './object-identifiers.ts';

export interface PssParameters {
  /** OpenSSL's name. */
  readonly hash: PssHash;
  /** Octets. */
  readonly saltLength: number;
}

/** Octets of each hash, and of the salt that goes with it (RFC 4055 section 3.1 recommends one as long as the hash). */
export const pssHashLengths = { sha256: 32, sha384: 48, sha512: 64 } as const;
export type PssHash = keyof typeof pssHashLengths;

const hashNames: Partial<Record<ObjectIdentifier, PssHash>> = {
  'id-sha256': 'sha256',
  'id-sha384': 'sha384',
  'id-sha512': 'sha512',
};
/** X.690 section 11.5: what is encoded with this value in DER would not be encoded. */
const defaultSaltLength = 20;

/**
 * @param refusal makes what is thrown, from a sentence that says what is wrong
 * @throws what `refusal` makes
 */
export function readPssParameters(
  parameters: DerElement | undefined,
  refusal: (what: string) => Error,
): PssParameters {
  const fields = parameters?.tag === tags.sequence && readFields(parameters.children);
  if (!fields) throw refusal('The RSASSA-PSS parameters are missing or malformed.');
  const [hashAlgorithm, maskGenAlgorithm, salt, trailer] = fields;
  const hash = readHash(hashAlgorithm);
  if (!hash)
    throw refusal(
      'The hash of RSASSA-PSS must be SHA-256, SHA-384 or SHA-512; its default is SHA-1.',
    );
  if (readMaskHash(maskGenAlgorithm) !== hash)
    throw refusal('The mask of RSASSA-PSS must be MGF1 with the same hash; its default is SHA-1.');
  // RFC 4055 section 3.1: to be accepted with its default value too, whatever DER says.
  if (trailer && !isInteger(trailer, 1))
    throw refusal('The trailer field of RSASSA-PSS must be left out.');
  return { hash, saltLength: readSaltLength(salt, refusal) };
}

/** The values of the fields [0] to [3], which stand in this order and each at most once. */
function readFields(elements: readonly DerElement[]): (DerElement | undefined)[] | undefined {
  const fields: (DerElement | undefined)[] = [];
  for (const { tag, children } of elements) {
    const [value, surplus] = children;
    const position = tag - 0xa0;
    if (position < fields.length || position > 3 || !value || surplus) return undefined;
    fields[position] = value;
  }
  return fields;
}

/** Parameters may be NULL or absent (RFC 4055 section 2.1). */
function readHash(algorithm: DerElement | undefined): PssHash | undefined {
  if (algorithm?.tag !== tags.sequence) return undefined;
  const [type, parameters, surplus] = algorithm.children;
  const name = type && oidName(type.bytes);
  if (!name || surplus || (parameters && parameters.tag !== tags.null)) return undefined;
  return hashNames[name];
}

/** The hash of MGF1, or undefined for another mask generation function. */
function readMaskHash(algorithm: DerElement | undefined): PssHash | undefined {
  if (algorithm?.tag !== tags.sequence) return undefined;
  const [type, hash, surplus] = algorithm.children;
  return type && sameBytes(type.bytes, oid['id-mgf1']) && !surplus ? readHash(hash) : undefined;
}

function readSaltLength(salt: DerElement | undefined, refusal: (what: string) => Error): number {
  if (!salt) return defaultSaltLength;
  const [high = 0, low] = salt.content;
  if (salt.tag !== tags.integer || salt.content.length > 2 || high >= 0x80)
    throw refusal('The salt length of RSASSA-PSS is malformed.');
  const length = low === undefined ? high : high * 256 + low;
  if (length === defaultSaltLength)
    throw refusal('The salt length of RSASSA-PSS is encoded though it is the default.');
  return length;
}

function isInteger({ tag, content }: DerElement, value: number): boolean {
  return tag === tags.integer && content.length === 1 && content[0] === value;
}

/** AlgorithmIdentifier, DER, for a salt as long as the hash; hash parameters are NULL, as OpenSSL and Bouncy Castle have them. */
export function pssAlgorithmIdentifier(hash: PssHash): Uint8Array {
  const hashAlgorithm = encode(tags.sequence, oid[`id-${hash}`], encode(tags.null));
  const saltLength = encode(tags.integer, Uint8Array.of(pssHashLengths[hash]));
  return encode(
    tags.sequence,
    oid['id-RSASSA-PSS'],
    encode(
      tags.sequence,
      encode(0xa0, hashAlgorithm),
      encode(0xa1, encode(tags.sequence, oid['id-mgf1'], hashAlgorithm)),
      encode(0xa2, saltLength),
    ),
  );
}
