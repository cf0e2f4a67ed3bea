/**
 * Makes a CA in a token: two keys, and the two certificates over them.
 */

import { makeCaCertificate } from '../ca/ca-certificate.ts';
import { readCaChain } from '../ca/ca-chain.ts';
import { issuingCaProfile, rootCaProfile } from '../ca/certificate-profile.ts';
import { type CaKeyType, signatureAlgorithmOf } from '../ca/signer.ts';
import { loadCryptoki } from '../hsm/cryptoki.ts';
import { generateKey } from '../hsm/generate-key.ts';
import { openSigners } from '../hsm/open-signers.ts';
import { openToken } from '../hsm/open-token.ts';
import type { Config } from '../server/config.ts';
import { dataPaths } from '../server/data-directory.ts';
import type { OpenCa } from './open-ca.ts';

export interface CaOrder {
  readonly rootKey: string;
  readonly name: string;
  readonly issuingKeyType: CaKeyType;
}

const rootKeyType: CaKeyType = 'P-384';

/** @throws TokenFault, SignerUnavailable, SignatureFault */
export async function setUpCa(
  { directory, hsm }: Config,
  { rootKey, name, issuingKeyType }: CaOrder,
): Promise<OpenCa> {
  const paths = dataPaths(directory);
  const cryptoki = loadCryptoki(hsm.module, hsm.environment);
  const token = openToken(cryptoki, hsm, { pinRefused: paths.pinRefused, access: 'read-write' });
  const make = async (label: string, type: CaKeyType, certificate: string) => ({
    publicKey: await generateKey(token, label, type),
    algorithm: signatureAlgorithmOf[type],
    label,
    certificate,
  });
  const keys = [
    await make(rootKey, rootKeyType, paths.root),
    await make(hsm.key, issuingKeyType, paths.issuing),
  ] as const;
  const [rootSigner, signer] = await openSigners(token, hsm, keys);
  if (!rootSigner || !signer) throw new RangeError('There must be a signer for each key.');
  const now = new Date();
  const root = await makeCaCertificate({
    profile: rootCaProfile,
    commonName: `${name} Root CA`,
    publicKey: rootSigner.publicKey,
    signer: rootSigner,
    now,
  });
  const issuing = await makeCaCertificate({
    profile: issuingCaProfile,
    commonName: `${name} Issuing CA`,
    publicKey: signer.publicKey,
    signer: rootSigner,
    issuer: root,
    now,
  });
  const chain = readCaChain({ root: root.der, issuing: issuing.der });
  return { chain, signer, token, close: () => token.close() };
}
