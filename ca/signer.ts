/**
 * Port: a private key that can be used but never seen. hsm/ implements it over PKCS#11.
 */

import { Unavailable } from './unavailable.ts';

/**
 * The hash inside each signature algorithm a CA key may sign with, by its OpenSSL name; null where the algorithm has its
 * own. The names are those of RFC 5758, RFC 4055, RFC 8410 and RFC 9881; the salt of RSASSA-PSS is as long as its hash,
 * and ML-DSA is pure, with an empty context.
 */
export const signatureHashOf = {
  'ecdsa-with-SHA256': 'sha256',
  'ecdsa-with-SHA384': 'sha384',
  'ecdsa-with-SHA512': 'sha512',
  sha256WithRSAEncryption: 'sha256',
  'RSASSA-PSS-SHA256': 'sha256',
  Ed25519: null,
  'ML-DSA-44': null,
  'ML-DSA-65': null,
  'ML-DSA-87': null,
} as const;
export type CaSignatureAlgorithm = keyof typeof signatureHashOf;

/**
 * Kinds of CA key that can be generated in a PKCS#11 token, by the names operators use. An RSA key is the same whichever
 * way it signs, rsaEncryption in its certificate: so any relying party can read it (RFC 4055 section 1.2 allows both).
 */
export const caKeyTypes = [
  'P-256',
  'P-384',
  'P-521',
  'RSA-3072',
  'RSA-4096',
  'RSA-3072-PSS',
  'RSA-4096-PSS',
  'Ed25519',
] as const;
export type CaKeyType = (typeof caKeyTypes)[number];

/** The signature algorithm a CA key of each kind signs with. */
export const signatureAlgorithmOf = {
  'P-256': 'ecdsa-with-SHA256',
  'P-384': 'ecdsa-with-SHA384',
  'P-521': 'ecdsa-with-SHA512',
  'RSA-3072': 'sha256WithRSAEncryption',
  'RSA-4096': 'sha256WithRSAEncryption',
  'RSA-3072-PSS': 'RSASSA-PSS-SHA256',
  'RSA-4096-PSS': 'RSASSA-PSS-SHA256',
  Ed25519: 'Ed25519',
} as const satisfies Record<CaKeyType, CaSignatureAlgorithm>;

export interface Signer {
  /** SubjectPublicKeyInfo of the key (RFC 5280 section 4.1.2.7), DER. */
  readonly publicKey: Uint8Array;
  readonly algorithm: CaSignatureAlgorithm;
  /** False while the key is known to be out of reach: then nothing is begun that only a signature can finish. */
  readonly available: boolean;
  /**
   * Signs to-be-signed bytes (DER). Returns the signature as the BIT STRING of a certificate carries it:
   * a DER ECDSA-Sig-Value (RFC 3279 section 2.2.3), or the octets of RSA, Ed25519 or ML-DSA as they are.
   * The caller verifies it before use.
   * @throws SignerUnavailable when the key cannot be reached in time
   */
  sign(toBeSigned: Uint8Array): Promise<Uint8Array>;
  /**
   * The same for bytes of which only the digest is at hand, by the hash of the algorithm (`signatureHashOf`); absent where
   * the algorithm has its own, or the key cannot.
   * @throws SignerUnavailable
   */
  signDigest?(digest: Uint8Array): Promise<Uint8Array>;
}

/** The key is out of reach for now. */
export class SignerUnavailable extends Unavailable {
  override readonly name = 'SignerUnavailable';
}
