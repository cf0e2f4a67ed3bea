/**
 * A CA key in memory, for tests of everything above the signer port. The product has none: its keys live in an HSM.
 */

import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  type CaKeyType,
  type CaSignatureAlgorithm,
  type Signer,
  SignerUnavailable,
  signatureAlgorithmOf,
  signatureHashOf,
} from '../../ca/signer.ts';

function makePair(type: CaKeyType): { publicKey: KeyObject; privateKey: KeyObject } {
  return type === 'P-256' || type === 'P-384'
    ? generateKeyPairSync('ec', { namedCurve: type })
    : generateKeyPairSync('rsa', { modulusLength: Number(type.slice('RSA-'.length)) });
}

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
  readonly #privateKey: KeyObject;

  constructor(type: CaKeyType) {
    const { publicKey, privateKey } = makePair(type);
    this.publicKey = publicKey.export({ type: 'spki', format: 'der' });
    this.algorithm = signatureAlgorithmOf[type];
    this.#privateKey = privateKey;
  }

  async sign(toBeSigned: Uint8Array): Promise<Uint8Array> {
    if (!this.reachable) throw new SignerUnavailable('The test keeps this signer out of reach.');
    this.onSign(toBeSigned);
    return this.distort(sign(signatureHashOf[this.algorithm], toBeSigned, this.#privateKey));
  }
}
