/**
 * Keys for certificates that are only looked at: made in this process, used once, and gone with it.
 */

import { constants, generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import type { DeviceKeyType } from '../../ca/device-key-types.ts';
import { type CaSignatureAlgorithm, type Signer, signatureHashOf } from '../../ca/signer.ts';

interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

function makePair(type: DeviceKeyType): Promise<Pair> {
  switch (type) {
    case 'RSA-2048':
    case 'RSA-3072':
    case 'RSA-4096':
      return promisify(generateKeyPair)('rsa', {
        modulusLength: Number(type.slice('RSA-'.length)),
      });
    case 'P-256':
    case 'P-384':
    case 'P-521':
      return promisify(generateKeyPair)('ec', { namedCurve: type });
    case 'Ed25519':
      return promisify(generateKeyPair)('ed25519');
    case 'Ed448':
      return promisify(generateKeyPair)('ed448');
    case 'ML-DSA-44':
      return promisify(generateKeyPair)('ml-dsa-44');
    case 'ML-DSA-65':
      return promisify(generateKeyPair)('ml-dsa-65');
    case 'ML-DSA-87':
      return promisify(generateKeyPair)('ml-dsa-87');
  }
}

/** SubjectPublicKeyInfo, DER, of a key that nobody has. */
export async function throwawayPublicKey(type: DeviceKeyType): Promise<Uint8Array> {
  return (await makePair(type)).publicKey.export({ type: 'spki', format: 'der' });
}

const keyTypeFor: Readonly<Record<CaSignatureAlgorithm, DeviceKeyType>> = {
  'ecdsa-with-SHA256': 'P-256',
  'ecdsa-with-SHA384': 'P-384',
  'ecdsa-with-SHA512': 'P-521',
  sha256WithRSAEncryption: 'RSA-3072',
  'RSASSA-PSS-SHA256': 'RSA-3072',
  Ed25519: 'Ed25519',
  'ML-DSA-44': 'ML-DSA-44',
  'ML-DSA-65': 'ML-DSA-65',
  'ML-DSA-87': 'ML-DSA-87',
};

const pss = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
};

/** Signs as a CA of this algorithm would, with a key that is not the CA's. */
export async function throwawaySigner(algorithm: CaSignatureAlgorithm): Promise<Signer> {
  const { publicKey, privateKey } = await makePair(keyTypeFor[algorithm]);
  const key = { key: privateKey, ...(algorithm === 'RSASSA-PSS-SHA256' ? pss : {}) };
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'der' }),
    algorithm,
    available: true,
    sign: async (toBeSigned) => sign(signatureHashOf[algorithm], toBeSigned, key),
  };
}
