/**
 * A CA key in memory, for tests of everything above the signer port. The product has none: its keys live in an HSM.
 */

import { constants, generateKeyPairSync, type KeyObject, privateEncrypt, sign } from 'node:crypto';
import {
  type CaKeyType,
  type CaSignatureAlgorithm,
  type Signer,
  SignerUnavailable,
  signatureAlgorithmOf,
  signatureHashOf,
} from '../../ca/signer.ts';

/** Those a token makes, and by their signature algorithm those that only the port knows yet. */
export type SoftwareKeyType =
  | CaKeyType
  | Exclude<CaSignatureAlgorithm, (typeof signatureAlgorithmOf)[CaKeyType]>;

function makePair(type: SoftwareKeyType): { publicKey: KeyObject; privateKey: KeyObject } {
  switch (type) {
    case 'P-256':
    case 'P-384':
    case 'P-521':
      return generateKeyPairSync('ec', { namedCurve: type });
    case 'RSA-3072':
    case 'RSA-4096':
    case 'RSA-3072-PSS':
    case 'RSA-4096-PSS':
      return generateKeyPairSync('rsa', { modulusLength: Number(type.split('-')[1]) });
    case 'Ed25519':
      return generateKeyPairSync('ed25519');
    case 'ML-DSA-44':
      return generateKeyPairSync('ml-dsa-44');
    case 'ML-DSA-65':
      return generateKeyPairSync('ml-dsa-65');
    case 'ML-DSA-87':
      return generateKeyPairSync('ml-dsa-87');
  }
}

function algorithmOf(type: SoftwareKeyType): CaSignatureAlgorithm {
  switch (type) {
    case 'ML-DSA-44':
    case 'ML-DSA-65':
    case 'ML-DSA-87':
      return type;
    default:
      return signatureAlgorithmOf[type];
  }
}

/** DigestInfo of SHA-256 up to the digest (RFC 8017 section 9.2). */
const sha256DigestInfo = Buffer.from('3031300d060960864801650304020105000420', 'hex');

const pss = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
};

export class SoftwareSigner implements Signer {
  readonly publicKey: Uint8Array;
  readonly algorithm: CaSignatureAlgorithm;
  /** What the last test of reachability said; `sign` fails while `reachable` is false, known or not. */
  available = true;
  reachable = true;
  /** Called before each signature, with what is to be signed. */
  onSign: (toBeSigned: Uint8Array) => void = () => {};
  /** Changes each signature on its way out, as a broken HSM would. */
  distort: (signature: Buffer) => Uint8Array = (signature) => signature;
  /** For RSA alone: OpenSSL's other keys want what they hash themselves. */
  signDigest?: (digest: Uint8Array) => Promise<Uint8Array>;
  readonly #privateKey: KeyObject;

  constructor(type: SoftwareKeyType) {
    const { publicKey, privateKey } = makePair(type);
    this.publicKey = publicKey.export({ type: 'spki', format: 'der' });
    this.algorithm = algorithmOf(type);
    this.#privateKey = privateKey;
    if (this.algorithm === 'sha256WithRSAEncryption')
      this.signDigest = async (digest) => {
        if (!this.reachable)
          throw new SignerUnavailable('The test keeps this signer out of reach.');
        const key = { key: privateKey, padding: constants.RSA_PKCS1_PADDING };
        return this.distort(privateEncrypt(key, Buffer.concat([sha256DigestInfo, digest])));
      };
  }

  async sign(toBeSigned: Uint8Array): Promise<Uint8Array> {
    if (!this.reachable) throw new SignerUnavailable('The test keeps this signer out of reach.');
    this.onSign(toBeSigned);
    const key = {
      key: this.#privateKey,
      ...(this.algorithm === 'RSASSA-PSS-SHA256' ? pss : {}),
    };
    return this.distort(sign(signatureHashOf[this.algorithm], toBeSigned, key));
  }
}
