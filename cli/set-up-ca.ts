/**
 * Makes a CA in a token: two keys, and the two certificates over them.
 */

import { makeCaCertificate } from '../ca/ca-certificate.ts';
import { type CaChain, readCaChain } from '../ca/ca-chain.ts';
import { issuingCaProfile, rootCaProfile } from '../ca/certificate-profile.ts';
import { type CaKeyType, type Signer, signatureAlgorithmOf } from '../ca/signer.ts';
import { loadCryptoki } from '../hsm/cryptoki.ts';
import { generateKey } from '../hsm/generate-key.ts';
import { openToken } from '../hsm/open-token.ts';
import { openPkcs11Signer } from '../hsm/pkcs11-signer.ts';
import type { TokenConfig } from '../hsm/token-config.ts';

export interface CaOrder {
  readonly token: TokenConfig;
  /** Path of the marker that is left when the token refuses the PIN. */
  readonly pinRefused: string;
  readonly rootKey: string;
  readonly name: string;
  readonly issuingKeyType: CaKeyType;
}

export interface NewCa {
  readonly chain: CaChain;
  /** Signs with the issuing key, in this process. */
  readonly signer: Signer;
  close(): void;
}

const rootKeyType: CaKeyType = 'P-384';

/** @throws TokenFault, SignerUnavailable, SignatureFault */
export async function setUpCa(order: CaOrder): Promise<NewCa> {
  const { token: config, pinRefused, rootKey, name, issuingKeyType } = order;
  const cryptoki = loadCryptoki(config.module, config.environment);
  const token = openToken(cryptoki, config, { pinRefused, access: 'read-write' });
  const keys = {
    root: await generateKey(token, rootKey, rootKeyType),
    issuing: await generateKey(token, config.key, issuingKeyType),
  };
  const open = (label: string, publicKey: Uint8Array, type: CaKeyType) =>
    openPkcs11Signer(
      cryptoki,
      { ...config, key: label },
      { publicKey, algorithm: signatureAlgorithmOf[type] },
      { pinRefused },
    );
  const rootSigner = await open(rootKey, keys.root, rootKeyType);
  const now = new Date();
  const root = await makeCaCertificate({
    profile: rootCaProfile,
    commonName: `${name} Root CA`,
    publicKey: keys.root,
    signer: rootSigner,
    now,
  });
  const issuing = await makeCaCertificate({
    profile: issuingCaProfile,
    commonName: `${name} Issuing CA`,
    publicKey: keys.issuing,
    signer: rootSigner,
    issuer: root,
    now,
  });
  return {
    chain: readCaChain({ root: root.der, issuing: issuing.der }),
    signer: await open(config.key, keys.issuing, issuingKeyType),
    close: () => token.close(),
  };
}
