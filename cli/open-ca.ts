import type { CaChain } from '../ca/ca-chain.ts';
import {
  type CertificationAuthority,
  type IssuingKey,
  requireActive,
  type TokenKeyName,
} from '../ca/certification-authority.ts';
import type { Signer } from '../ca/signer.ts';
import { relocateSoftHsmToken } from '../hsm/create-softhsm-token.ts';
import { loadCryptoki } from '../hsm/cryptoki.ts';
import { openSigners } from '../hsm/open-signers.ts';
import { type OpenToken, openToken } from '../hsm/open-token.ts';
import type { Config } from '../server/config.ts';
import { dataPaths } from '../server/data-directory.ts';
import type { Stores } from '../storage/stores.ts';
import { loadCa } from './certification-authority.ts';
import { usage } from './exit.ts';

/** An issuer of a data directory, in this process. */
export interface OpenCa {
  readonly ca: CertificationAuthority;
  /** The issuer's active key. */
  readonly key: IssuingKey;
  readonly chain: CaChain;
  /** Signs with the active key. */
  readonly signer: Signer;
  /** Opened read-write. */
  readonly token: OpenToken;
  close(): void;
}

/**
 * Opens an issuer's token for a command that makes or uses keys, beside a server that may be running on it.
 * @param issuer the default one where none is named
 * @throws TokenFault; CaStateError
 */
export async function openCa(
  config: Config,
  stores: Pick<Stores, 'caState'>,
  issuer?: string,
): Promise<OpenCa> {
  const ca = await loadCa(stores);
  const key = requireActive(ca, issuer);
  const token = openNamedToken(config, key.token);
  const close = () => token.close();
  try {
    return {
      ca,
      key,
      chain: key.chain,
      signer: await openSigner(config, token, key),
      token,
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** Opens a token of the configuration read-write. @throws TokenFault; CommandError where none has that name */
export function openNamedToken({ directory, tokens }: Config, name: string): OpenToken {
  const token = tokens[name];
  if (!token)
    throw usage(
      `The configuration names no token "${name}"; there is ${Object.keys(tokens).join(', ')}.`,
    );
  const { softHsm, pinRefused } = dataPaths(directory);
  relocateSoftHsmToken(softHsm, token.environment);
  const cryptoki = loadCryptoki(token.module, token.environment);
  return openToken(cryptoki, token, { pinRefused: pinRefused(name), access: 'read-write' });
}

/** @throws TokenFault where the key in the token is another one */
export async function openSigner(
  { tokens }: Config,
  token: OpenToken,
  key: TokenKeyName,
): Promise<Signer> {
  const { label, publicKey, algorithm } = key;
  const certificate = `its record (${label})`;
  const limits = tokens[key.token] ?? {};
  const [signer] = await openSigners(token, limits, [{ label, publicKey, algorithm, certificate }]);
  if (!signer) throw new RangeError('There must be a signer for the key.');
  return signer;
}
