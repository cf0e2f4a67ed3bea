/**
 * Makes a CA in a token: two keys, and the two certificates over them.
 */

import { makeCaCertificate } from '../ca/ca-certificate.ts';
import { type CaState, defaultIssuer, type StoredKey } from '../ca/ca-state.ts';
import { issuingCaProfile, rootCaProfile } from '../ca/certificate-profile.ts';
import { requireActive, tokenKeyName } from '../ca/certification-authority.ts';
import type { CaKeyType } from '../ca/signer.ts';
import { generateKey } from '../hsm/generate-key.ts';
import type { OpenToken } from '../hsm/open-token.ts';
import type { Config } from '../server/config.ts';
import { defaultToken } from '../server/config-schema.ts';
import type { Stores } from '../storage/stores.ts';
import { changeCa } from './certification-authority.ts';
import { type OpenCa, openSigner } from './open-ca.ts';
import { OpenTokens } from './open-tokens.ts';

export interface CaOrder {
  readonly name: string;
  readonly issuingKeyType: CaKeyType;
  /** Name of the root's token in the configuration. */
  readonly rootToken: string;
  /** Whether the root names the key of the root after it, which is made at once (RFC 8649). */
  readonly hashOfNextRoot?: boolean;
}

export const rootKeyType: CaKeyType = 'P-384';

/** @throws TokenFault, SignerUnavailable, SignatureFault */
export async function setUpCa(
  config: Config,
  stores: Pick<Stores, 'caState'>,
  { name, issuingKeyType, rootToken, hashOfNextRoot = false }: CaOrder,
): Promise<OpenCa> {
  const tokens = new OpenTokens(config);
  const close = () => tokens.close();
  try {
    const [inRoot, token] = [tokens.open(rootToken), tokens.open(defaultToken)];
    const rootKey = await makeKey(inRoot, keyLabel('root', 1), rootKeyType);
    const prepared = hashOfNextRoot
      ? await makeKey(inRoot, keyLabel('root', 2), rootKeyType)
      : undefined;
    const issuingKey = await makeKey(token, keyLabel(defaultIssuer, 1), issuingKeyType);
    const rootSigner = await openSigner(config, inRoot, tokenKeyName(rootToken, rootKey));
    const signer = await openSigner(config, token, tokenKeyName(defaultToken, issuingKey));
    const now = new Date();
    const root = await makeCaCertificate({
      profile: prepared
        ? { ...rootCaProfile, ca: { nextRootKey: Buffer.from(prepared.publicKey, 'base64') } }
        : rootCaProfile,
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
    const made = { generation: 1, state: 'active' } as const;
    const [rootDer, issuingDer] = [base64(root.der), base64(issuing.der)];
    const state: CaState = {
      root: {
        token: rootToken,
        keys: [{ ...rootKey, ...made, certificate: rootDer }],
        ...(prepared ? { prepared } : {}),
      },
      issuers: [
        {
          name: defaultIssuer,
          token: defaultToken,
          keys: [
            { ...issuingKey, ...made, certificate: issuingDer, above: [rootDer], delegated: {} },
          ],
        },
      ],
    };
    const change = { action: 'ca.made', object: defaultIssuer };
    const ca = await changeCa(stores, config.directory, change, () => state);
    const key = requireActive(ca);
    return { ca, key, chain: key.chain, signer, token, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** CKA_LABEL of a key, such as `main-1`. */
export function keyLabel(of: string, generation: number): string {
  return `${of}-${generation}`;
}

/** Makes a key in a token opened read-write. @throws TokenFault */
export async function makeKey(
  token: OpenToken,
  label: string,
  keyType: CaKeyType,
): Promise<StoredKey> {
  return { label, keyType, publicKey: base64(await generateKey(token, label, keyType)) };
}

export function base64(der: Uint8Array): string {
  return Buffer.from(der).toString('base64');
}
