/**
 * The proof of possession by signature: checked here and only here, for each form of request.
 */

import { type DerElement, tags } from './der.ts';
import type { PublicKey } from './key-rules.ts';
import { type ObjectIdentifier, oidName } from './object-identifiers.ts';
import { malformed, Refusal } from './refusal.ts';
import { verifySignature } from './verify-signature.ts';

export interface SignedOctets {
  /** What was signed, as it came. */
  readonly octets: Uint8Array;
  /** AlgorithmIdentifier. */
  readonly algorithm: DerElement;
  readonly signature: Uint8Array;
}

type SignatureRule = {
  kind: PublicKey['kind'];
  hash: string | null;
  parameters: 'NULL' | 'absent';
};

/** Signature algorithms by which a request may be signed; SHA-1 and MD5 are not among them. */
const signatureRules: Partial<Record<ObjectIdentifier, SignatureRule>> = {
  sha256WithRSAEncryption: { kind: 'RSA', hash: 'sha256', parameters: 'NULL' },
  sha384WithRSAEncryption: { kind: 'RSA', hash: 'sha384', parameters: 'NULL' },
  sha512WithRSAEncryption: { kind: 'RSA', hash: 'sha512', parameters: 'NULL' },
  'ecdsa-with-SHA256': { kind: 'EC', hash: 'sha256', parameters: 'absent' },
  'ecdsa-with-SHA384': { kind: 'EC', hash: 'sha384', parameters: 'absent' },
  'ecdsa-with-SHA512': { kind: 'EC', hash: 'sha512', parameters: 'absent' },
  ed25519: { kind: 'Ed25519', hash: null, parameters: 'absent' },
};

function hashOf(algorithm: DerElement, key: PublicKey): string | null {
  const [type, parameters, surplus] = algorithm.children;
  const name = type && oidName(type.bytes);
  const rule = name && signatureRules[name];
  if (!rule || surplus)
    throw malformed(
      'The request is signed with an algorithm that is not accepted; use SHA-256, SHA-384 or SHA-512 with RSA or ECDSA, or Ed25519.',
    );
  if (rule.kind !== key.kind)
    throw malformed('The signature algorithm of the request does not fit its public key.');
  const wellFormed = rule.parameters === 'absent' ? !parameters : parameters?.tag === tags.null;
  if (!wellFormed) throw malformed(`The parameters of ${name} must be ${rule.parameters}.`);
  return rule.hash;
}

/**
 * RFC 2986 section 4.2, RFC 7030 section 4.2.1, RFC 4211 section 4.1.
 * @throws Refusal malformed-request, bad-signature
 */
export async function provePossession(signed: SignedOctets, publicKey: PublicKey): Promise<void> {
  const hash = hashOf(signed.algorithm, publicKey);
  const { key, slow } = publicKey;
  const holds = await verifySignature({ hash, key, slow }, signed.octets, signed.signature);
  if (!holds)
    throw new Refusal(
      'bad-signature',
      'The request is not signed by the key that it names (proof of possession, RFC 7030 section 4.2.1).',
    );
}
