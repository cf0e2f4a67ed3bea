/**
 * What each signature algorithm of a CA means in PKCS#11: hash here, sign the digest there.
 */
import { constants, hash, type KeyObject, verify } from 'node:crypto';
import { type CaSignatureAlgorithm, signatureHashOf } from '../ca/signer.ts';
import { ck, type SignMechanism } from './cryptoki.ts';
import { ecdsaSignatureToDer } from './ecdsa-signature.ts';
import { TokenFault } from './token-fault.ts';

interface AlgorithmParameters {
  /** OpenSSL's name of the hash that is made here, with the octets of its digest. */
  readonly digest?: { readonly hash: string; readonly bytes: number };
  readonly mechanism: SignMechanism;
  /** The name of the mechanism in the standard. */
  readonly mechanismName: string;
  /** What the mechanism signs, from the digest. */
  readonly input: (digest: Buffer) => Buffer;
  /** Octets of the signature BIT STRING, from what the mechanism returns. */
  readonly output: (raw: Buffer) => Buffer;
}

/** DigestInfo of SHA-256 up to the digest itself (RFC 8017 section 9.2, note 1). */
const sha256DigestInfo = Buffer.from('3031300d060960864801650304020105000420', 'hex');

const same = (bytes: Buffer): Buffer => bytes;

const sha256 = { hash: 'sha256', bytes: 32 };

const ecdsa = (digest: AlgorithmParameters['digest']): AlgorithmParameters => ({
  ...(digest ? { digest } : {}),
  mechanism: { mechanism: ck.CKM_ECDSA },
  mechanismName: 'CKM_ECDSA',
  input: same,
  output: ecdsaSignatureToDer,
});

/** The salt is as long as the hash (RFC 4055 section 3.1). */
const pssParameter = {
  type: ck.CK_PARAMS_RSA_PSS,
  hashAlg: ck.CKM_SHA256,
  mgf: ck.CKG_MGF1_SHA256,
  saltLen: sha256.bytes,
};

const algorithms: Partial<Record<CaSignatureAlgorithm, AlgorithmParameters>> = {
  'ecdsa-with-SHA256': ecdsa(sha256),
  'ecdsa-with-SHA384': ecdsa({ hash: 'sha384', bytes: 48 }),
  'ecdsa-with-SHA512': ecdsa({ hash: 'sha512', bytes: 64 }),
  sha256WithRSAEncryption: {
    digest: sha256,
    mechanism: { mechanism: ck.CKM_RSA_PKCS },
    mechanismName: 'CKM_RSA_PKCS',
    input: (digest) => Buffer.concat([sha256DigestInfo, digest]),
    output: same,
  },
  'RSASSA-PSS-SHA256': {
    digest: sha256,
    mechanism: { mechanism: ck.CKM_RSA_PKCS_PSS, parameter: pssParameter },
    mechanismName: 'CKM_RSA_PKCS_PSS',
    input: same,
    output: same,
  },
  // Pure EdDSA reads the message twice (RFC 8032 section 5.1.6), so all of it has to go to the token.
  Ed25519: {
    mechanism: { mechanism: ck.CKM_EDDSA },
    mechanismName: 'CKM_EDDSA',
    input: same,
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

/** What a signer is sent to sign: the digest, or with Ed25519 the octets as they are. @throws TokenFault */
export function digestFor(algorithm: CaSignatureAlgorithm, toBeSigned: Uint8Array): Buffer {
  const { digest } = algorithmParameters(algorithm);
  return digest ? hash(digest.hash, toBeSigned, 'buffer') : Buffer.from(toBeSigned);
}

/** Whether a signature, encoded as Signer.sign returns it, is the key's over these bytes. */
export function signatureVerifies(
  algorithm: CaSignatureAlgorithm,
  publicKey: KeyObject,
  toBeSigned: Uint8Array,
  signature: Uint8Array,
): boolean {
  const padding =
    algorithm === 'RSASSA-PSS-SHA256'
      ? {
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
        }
      : {};
  return verify(signatureHashOf[algorithm], toBeSigned, { key: publicKey, ...padding }, signature);
}
