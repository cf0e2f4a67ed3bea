/**
 * Proofs by a secret that both sides know and that is not sent (RFC 5272 sections 6.2.1 and 6.3.1.1): a one-time password.
 */

import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import { type Digest, readDigestAlgorithm } from '../../../ca/cms/digest-algorithm.ts';
import { type DerElement, encodeOid, tags } from '../../../ca/der.ts';
import { octetsKey } from '../../../ca/object-identifiers.ts';
import { malformed } from '../../../ca/refusal.ts';

/** IdentityProofV2 and PopLinkWitnessV2: two algorithms and a MAC. */
export interface Witness {
  /** Makes the key of the MAC from the shared secret; undefined when it is not an accepted one, as SHA-1 is not. */
  readonly keyDigest: Digest | undefined;
  readonly macDigest: Digest | undefined;
  readonly witness: Uint8Array;
}

/** id-hmacWithSHA256 and so on (RFC 8018 appendix B.1.2), DER. */
export const macOid = {
  sha256: encodeOid('1.2.840.113549.2.9'),
  sha384: encodeOid('1.2.840.113549.2.10'),
  sha512: encodeOid('1.2.840.113549.2.11'),
} as const satisfies Record<Digest, Uint8Array>;
const macs = new Map(
  Object.entries(macOid).map(([digest, der]) => [octetsKey(der), digest as Digest]),
);

/** The hash function of an HMAC, if it is an accepted one; parameters may be NULL or absent (RFC 4231 section 3.1). */
export function readMacAlgorithm({ children }: DerElement): Digest | undefined {
  const [type, parameters, surplus] = children;
  if (!type || surplus || (parameters && parameters.tag !== tags.null)) return undefined;
  return macs.get(octetsKey(type.bytes));
}

/** @throws Refusal malformed-request */
export function readWitness({ tag, children }: DerElement): Witness {
  const [keyAlgorithm, macAlgorithm, witness, surplus] = children;
  if (
    tag !== tags.sequence ||
    keyAlgorithm?.tag !== tags.sequence ||
    macAlgorithm?.tag !== tags.sequence ||
    witness?.tag !== tags.octetString ||
    surplus
  )
    throw malformed(
      'An identityProofV2 or popLinkWitnessV2 is malformed (RFC 5272 sections 6.2.1, 6.3.1.1).',
    );
  return {
    keyDigest: readDigestAlgorithm(keyAlgorithm),
    macDigest: readMacAlgorithm(macAlgorithm),
    witness: witness.content,
  };
}

/** Whether the algorithms are accepted at all: SHA-256, SHA-384 and SHA-512, and HMAC with them. */
export function isAcceptedWitness({ keyDigest, macDigest }: Witness): boolean {
  return keyDigest !== undefined && macDigest !== undefined;
}

/**
 * Whether the witness was made with the shared secret, compared in constant time.
 * @param secret UTF-8; for an identity proof followed by the identification, where one is sent (section 6.2.3)
 */
export function isWitnessOf(
  { keyDigest, macDigest, witness }: Witness,
  secret: string,
  octets: Uint8Array,
): boolean {
  if (!keyDigest || !macDigest) return false;
  const expected = createHmac(macDigest, hash(keyDigest, secret, 'buffer'))
    .update(octets)
    .digest();
  return witness.length === expected.length && timingSafeEqual(witness, expected);
}
