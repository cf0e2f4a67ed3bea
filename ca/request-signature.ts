/**
 * The proof of possession by signature: checked here and only here, for each form of request.
 */

import { type DerElement, tags } from './der.ts';
import type { PublicKey, PublicKeyKind } from './key-rules.ts';
import { type ObjectIdentifier, oidName } from './object-identifiers.ts';
import { malformed, Refusal } from './refusal.ts';
import { pssHashLengths, readPssParameters } from './rsassa-pss.ts';
import { verifySignature } from './verify-signature.ts';

export interface SignedOctets {
  /** What was signed, as it came. */
  readonly octets: Uint8Array;
  /** AlgorithmIdentifier. */
  readonly algorithm: DerElement;
  readonly signature: Uint8Array;
}

/** How a signature is to be verified. */
interface SignatureScheme {
  /** OpenSSL's name, or null where the algorithm has its own. */
  readonly hash: string | null;
  readonly pss?: boolean;
}

interface SignatureRule extends SignatureScheme {
  readonly kind: PublicKeyKind;
  readonly parameters: 'NULL or absent' | 'absent';
}

/** Signature algorithms by which a request may be signed, besides RSASSA-PSS; SHA-1 and MD5 are not among them. */
const signatureRules: Partial<Record<ObjectIdentifier, SignatureRule>> = {
  sha256WithRSAEncryption: { kind: 'RSA', hash: 'sha256', parameters: 'NULL or absent' },
  sha384WithRSAEncryption: { kind: 'RSA', hash: 'sha384', parameters: 'NULL or absent' },
  sha512WithRSAEncryption: { kind: 'RSA', hash: 'sha512', parameters: 'NULL or absent' },
  'ecdsa-with-SHA256': { kind: 'EC', hash: 'sha256', parameters: 'absent' },
  'ecdsa-with-SHA384': { kind: 'EC', hash: 'sha384', parameters: 'absent' },
  'ecdsa-with-SHA512': { kind: 'EC', hash: 'sha512', parameters: 'absent' },
  ed25519: { kind: 'Ed25519', hash: null, parameters: 'absent' },
  ed448: { kind: 'Ed448', hash: null, parameters: 'absent' },
  'id-ml-dsa-44': { kind: 'ML-DSA-44', hash: null, parameters: 'absent' },
  'id-ml-dsa-65': { kind: 'ML-DSA-65', hash: null, parameters: 'absent' },
  'id-ml-dsa-87': { kind: 'ML-DSA-87', hash: null, parameters: 'absent' },
};

function schemeOf(algorithm: DerElement, key: PublicKey): SignatureScheme {
  const [type, parameters, surplus] = algorithm.children;
  const name = type && oidName(type.bytes);
  if (name === 'id-RSASSA-PSS' && !surplus) return pssSchemeOf(parameters, key);
  const rule = name && signatureRules[name];
  if (!rule || surplus)
    throw malformed(
      'The request is signed with an algorithm that is not accepted; use SHA-256, SHA-384 or SHA-512 with RSA or ECDSA, or Ed25519, Ed448 or ML-DSA.',
    );
  if (rule.kind !== key.kind) throw unfit();
  // Who makes a signature of RSA says NULL, who reads one takes absent as well (RFC 5754 section 3.2, RFC 4055 section 5).
  const wellFormed =
    !parameters || (rule.parameters === 'NULL or absent' && parameters.tag === tags.null);
  if (!wellFormed) throw malformed(`The parameters of ${name} must be ${rule.parameters}.`);
  return rule;
}

/** RFC 4055 section 3.1; what the key itself demands, by section 3.3. */
function pssSchemeOf(parameters: DerElement | undefined, key: PublicKey): SignatureScheme {
  if (key.kind !== 'RSA' && key.kind !== 'RSA-PSS') throw unfit();
  const { hash, saltLength } = readPssParameters(parameters, malformed);
  const length = pssHashLengths[hash];
  // The salt is then never shorter than a key demands: key-rules.ts certifies none that demands a longer one.
  if (saltLength !== length)
    throw malformed(
      `The salt of RSASSA-PSS must be as long as its hash, ${length} octets (OpenSSL: -sigopt rsa_pss_saltlen:digest).`,
    );
  if (key.pss && key.pss.hash !== hash)
    throw malformed('RSASSA-PSS is not used with the hash that the public key demands.');
  return { hash, pss: true };
}

function unfit(): Refusal {
  return malformed('The signature algorithm of the request does not fit its public key.');
}

/**
 * RFC 2986 section 4.2, RFC 7030 section 4.2.1, RFC 4211 section 4.1.
 * @throws Refusal malformed-request, bad-signature
 */
export async function provePossession(signed: SignedOctets, publicKey: PublicKey): Promise<void> {
  const { hash, pss = false } = schemeOf(signed.algorithm, publicKey);
  const { key, slow } = publicKey;
  const holds = await verifySignature({ hash, key, slow, pss }, signed.octets, signed.signature);
  if (!holds)
    throw new Refusal(
      'bad-signature',
      'The request is not signed by the key that it names (proof of possession, RFC 7030 section 4.2.1).',
    );
}
