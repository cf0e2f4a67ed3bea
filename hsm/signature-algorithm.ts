/**
 * What each signature algorithm of a CA means in PKCS#11: hash here, sign the digest there.
 */
import { hash, type KeyObject, verify } from 'node:crypto';
import { type CaSignatureAlgorithm, signatureHashOf } from '../ca/signer.ts';
import { ck } from './cryptoki.ts';
import { ecdsaSignatureToDer } from './ecdsa-signature.ts';
import { TokenFault } from './token-fault.ts';

interface AlgorithmParameters {
  /** OpenSSL's name. */
  readonly hash: string;
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

const algorithms: Partial<Record<CaSignatureAlgorithm, AlgorithmParameters>> = {
  'ecdsa-with-SHA256': {
    hash: 'sha256',
    digestBytes: 32,
    mechanism: ck.CKM_ECDSA,
    input: same,
    output: ecdsaSignatureToDer,
  },
  'ecdsa-with-SHA384': {
    hash: 'sha384',
    digestBytes: 48,
    mechanism: ck.CKM_ECDSA,
    input: same,
    output: ecdsaSignatureToDer,
  },
  sha256WithRSAEncryption: {
    hash: 'sha256',
    digestBytes: 32,
    mechanism: ck.CKM_RSA_PKCS,
    input: (digest) => Buffer.concat([sha256DigestInfo, digest]),
    output: same,
  },
};

/** @throws TokenFault `config` for an algorithm that is not made with a token: PKCS#11 has ML-DSA since 3.2 only */
export function algorithmParameters(algorithm: CaSignatureAlgorithm): AlgorithmParameters {
  const parameters = algorithms[algorithm];
  if (!parameters)
    throw new TokenFault('config', `a CA key in a PKCS#11 token cannot sign with ${algorithm} yet`);
  return parameters;
}

/** The digest that the algorithm signs. @throws TokenFault */
export function digestFor(algorithm: CaSignatureAlgorithm, toBeSigned: Uint8Array): Buffer {
  return hash(algorithmParameters(algorithm).hash, toBeSigned, 'buffer');
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
