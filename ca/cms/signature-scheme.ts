/**
 * The signature algorithms of a SignerInfo: RSA by PKCS #1 v1.5 (RFC 5754) and PSS (RFC 4056), ECDSA (RFC 5754),
 * Ed25519 (RFC 8419) and ML-DSA (RFC 9882).
 */

import { constants, verify } from 'node:crypto';
import { type DerElement, tags } from '../der.ts';
import type { PublicKey, PublicKeyKind } from '../key-rules.ts';
import { type ObjectIdentifier, oidName } from '../object-identifiers.ts';
import { malformed, Refusal } from '../refusal.ts';
import { readPssParameters } from '../rsassa-pss.ts';
import { verifySignature } from '../verify-signature.ts';
import { type Digest, readDigestAlgorithm } from './digest-algorithm.ts';

export interface SignatureScheme {
  readonly kind: PublicKeyKind;
  /** Digests the content; where there is no other hash in the algorithm, also what is signed. */
  readonly digest: Digest;
  /** Whether the signature algorithm has a hash of its own (Ed25519, ML-DSA). */
  readonly ownHash: boolean;
  /** Octets of the salt of RSASSA-PSS; absent for every other scheme. */
  readonly saltLength?: number;
}

interface SignatureAlgorithm {
  readonly kind: PublicKeyKind;
  /** The digests that may go with it. */
  readonly digests: readonly Digest[];
  readonly ownHash?: boolean;
}

const signatureAlgorithms: Partial<Record<ObjectIdentifier, SignatureAlgorithm>> = {
  rsaEncryption: { kind: 'RSA', digests: ['sha256', 'sha384', 'sha512'] },
  sha256WithRSAEncryption: { kind: 'RSA', digests: ['sha256'] },
  sha384WithRSAEncryption: { kind: 'RSA', digests: ['sha384'] },
  sha512WithRSAEncryption: { kind: 'RSA', digests: ['sha512'] },
  'ecdsa-with-SHA256': { kind: 'EC', digests: ['sha256'] },
  'ecdsa-with-SHA384': { kind: 'EC', digests: ['sha384'] },
  'ecdsa-with-SHA512': { kind: 'EC', digests: ['sha512'] },
  ed25519: { kind: 'Ed25519', digests: ['sha512'], ownHash: true },
  'id-ml-dsa-44': { kind: 'ML-DSA-44', digests: ['sha256', 'sha384', 'sha512'], ownHash: true },
  'id-ml-dsa-65': { kind: 'ML-DSA-65', digests: ['sha384', 'sha512'], ownHash: true },
  'id-ml-dsa-87': { kind: 'ML-DSA-87', digests: ['sha512'], ownHash: true },
};

/** The scheme of a SignerInfo, or undefined when its algorithms are not accepted or contradict each other. */
export function readSignatureScheme(
  digestAlgorithm: DerElement,
  signatureAlgorithm: DerElement,
): SignatureScheme | undefined {
  const digest = readDigestAlgorithm(digestAlgorithm);
  const [type, parameters, surplus] = signatureAlgorithm.children;
  const name = type && oidName(type.bytes);
  if (!digest || !name || surplus) return undefined;
  if (name === 'id-RSASSA-PSS') return readPssScheme(digest, parameters);
  const algorithm = signatureAlgorithms[name];
  if (!algorithm?.digests.includes(digest)) return undefined;
  const { kind, ownHash = false } = algorithm;
  // RFC 5754 section 3.2: an RSA algorithm without its NULL has to be accepted.
  if (parameters && !(kind === 'RSA' && parameters.tag === tags.null)) return undefined;
  return { kind, digest, ownHash };
}

/** RFC 4056 section 3: the hash of the parameters is the digest of the content. */
function readPssScheme(
  digest: Digest,
  parameters: DerElement | undefined,
): SignatureScheme | undefined {
  try {
    const { hash, saltLength } = readPssParameters(parameters, malformed);
    return hash === digest ? { kind: 'RSA', digest, ownHash: false, saltLength } : undefined;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return undefined;
  }
}

/** Whether the signature is the key's over the octets, by this scheme. */
export async function schemeVerifies(
  { kind, digest, ownHash, saltLength }: SignatureScheme,
  publicKey: PublicKey,
  octets: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const { key, slow } = publicKey;
  if (saltLength !== undefined) {
    if (!takesPss(publicKey, digest, saltLength)) return false;
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    return verify(digest, octets, { key, padding, saltLength }, signature);
  }
  if (publicKey.kind !== kind) return false;
  return verifySignature({ hash: ownHash ? null : digest, key, slow }, octets, signature);
}

/** Any RSA key, unless it demands other parameters (RFC 4055 section 3.3). */
function takesPss({ kind, pss }: PublicKey, digest: Digest, saltLength: number): boolean {
  if (kind === 'RSA') return true;
  return kind === 'RSA-PSS' && (!pss || (pss.hash === digest && saltLength >= pss.saltLength));
}
