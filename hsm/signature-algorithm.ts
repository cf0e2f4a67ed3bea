/**
 * What each signature algorithm of a CA means in PKCS#11: hash here, sign the digest there.
 */
import { hash, type KeyObject, verify } from 'node:crypto';
import { type CaSignatureAlgorithm, signatureHashOf } from '../ca/signer.ts';
import { ck } from './cryptoki.ts';
import { ecdsaSignatureToDer } from './ecdsa-signature.ts';

interface AlgorithmParameters {
  readonly digestBytes: number;
  readonly mechanism: number;
  /** What the mechanism signs, from the digest. */
  readonly input: (digest: Buffer) => Buffer;
  /** Octets of the signature BIT STRING, from what the mechanism returns. */
  readonly output: (raw: Buffer) => Buffer;
}

/** DigestInfo of SHA-256 up to the digest itself (RFC 8017 section 9.2, note 1). */
const sha256DigestInfo = Buffer.from('3031300d060960864801650304020105000420', 'hex');

const same = (bytes: Buffer): Buffer => bytes;

const algorithms = {
  'ecdsa-with-SHA256': {
    digestBytes: 32,
    mechanism: ck.CKM_ECDSA,
    input: same,
    output: ecdsaSignatureToDer,
  },
  'ecdsa-with-SHA384': {
    digestBytes: 48,
    mechanism: ck.CKM_ECDSA,
    input: same,
    output: ecdsaSignatureToDer,
  },
  sha256WithRSAEncryption: {
    digestBytes: 32,
    mechanism: ck.CKM_RSA_PKCS,
    input: (digest) => Buffer.concat([sha256DigestInfo, digest]),
    output: same,
  },
} as const satisfies Record<CaSignatureAlgorithm, AlgorithmParameters>;

export function algorithmParameters(algorithm: CaSignatureAlgorithm): AlgorithmParameters {
  return algorithms[algorithm];
}

/** The digest that the algorithm signs. */
export function digestFor(algorithm: CaSignatureAlgorithm, toBeSigned: Uint8Array): Buffer {
  return hash(signatureHashOf[algorithm], toBeSigned, 'buffer');
}

/** Whether a signature, encoded as Signer.sign returns it, is the key's over these bytes. */
export function signatureVerifies(
  algorithm: CaSignatureAlgorithm,
  publicKey: KeyObject,
  toBeSigned: Uint8Array,
  signature: Uint8Array,
): boolean {
  return verify(signatureHashOf[algorithm], toBeSigned, publicKey, signature);
}
