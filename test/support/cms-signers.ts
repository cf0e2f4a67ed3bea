/**
 * Signers of each algorithm with a certificate of their own, for CMS messages.
 */

import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { makeCaCertificate } from '../../ca/ca-certificate.ts';
import { rootCaProfile } from '../../ca/certificate-profile.ts';
import { readDer } from '../../ca/der.ts';
import { type PublicKey, readPublicKey } from '../../ca/key-rules.ts';
import { type CaSignatureAlgorithm, type Signer, signatureHashOf } from '../../ca/signer.ts';

export interface CmsSigner extends Signer {
  /** DER. */
  readonly certificate: Uint8Array;
  readonly privateKey: KeyObject;
  readonly verificationKey: PublicKey;
}

const pairs: Record<CaSignatureAlgorithm, () => { publicKey: KeyObject; privateKey: KeyObject }> = {
  'ecdsa-with-SHA256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'ecdsa-with-SHA384': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'ecdsa-with-SHA512': () => generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  sha256WithRSAEncryption: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'RSASSA-PSS-SHA256': () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  Ed25519: () => generateKeyPairSync('ed25519'),
  'ML-DSA-44': () => generateKeyPairSync('ml-dsa-44'),
  'ML-DSA-65': () => generateKeyPairSync('ml-dsa-65'),
  'ML-DSA-87': () => generateKeyPairSync('ml-dsa-87'),
};

export async function makeCmsSigner(algorithm: CaSignatureAlgorithm): Promise<CmsSigner> {
  const { publicKey, privateKey } = pairs[algorithm]();
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const pss = {
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  };
  const how = algorithm === 'RSASSA-PSS-SHA256' ? { key: privateKey, ...pss } : privateKey;
  const signer: Signer = {
    publicKey: spki,
    algorithm,
    available: true,
    sign: async (octets) => sign(signatureHashOf[algorithm], octets, how),
  };
  const certificate = await makeCaCertificate({
    profile: rootCaProfile,
    commonName: `CMS signer ${algorithm}`,
    publicKey: spki,
    signer,
    now: new Date(),
  });
  return {
    ...signer,
    certificate: certificate.der,
    privateKey,
    verificationKey: readPublicKey(readDer(spki)),
  };
}

export function certificatePem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
