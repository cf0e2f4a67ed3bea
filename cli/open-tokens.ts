/**
 * Several tokens in one command: the root's, and those of the issuers below it.
 */

import type { CaCertificate } from '../ca/ca-chain.ts';
import { readCaCertificate } from '../ca/ca-chain.ts';
import { type CaState, keyThatIs, type RootKeyState } from '../ca/ca-state.ts';
import { der, tokenKeyName } from '../ca/certification-authority.ts';
import type { Signer } from '../ca/signer.ts';
import type { OpenToken } from '../hsm/open-token.ts';
import { TokenFault } from '../hsm/token-fault.ts';
import type { Config } from '../server/config.ts';
import { CommandError, conflict, exitCodes } from './exit.ts';
import { openNamedToken, openSigner } from './open-ca.ts';

/** Opens each token once, read-write, however often it is asked for. */
export class OpenTokens {
  readonly #config: Config;
  readonly #open = new Map<string, OpenToken>();

  constructor(config: Config) {
    this.#config = config;
  }

  /** @throws TokenFault; CommandError where the configuration names no such token */
  open(name: string): OpenToken {
    const token = this.#open.get(name) ?? openNamedToken(this.#config, name);
    this.#open.set(name, token);
    return token;
  }

  close(): void {
    for (const token of this.#open.values()) token.close();
  }
}

export interface OpenRoot {
  readonly key: RootKeyState;
  readonly certificate: CaCertificate;
  readonly signer: Signer;
}

/** Opens the own root's active key. @throws TokenFault; CommandError: no own root, or its token is absent */
export async function openRoot(
  config: Config,
  tokens: OpenTokens,
  { root }: CaState,
): Promise<OpenRoot> {
  const key = root && keyThatIs(root, 'active');
  if (!key)
    throw conflict(
      'This CA has no root of its own: ask the CA above for a certificate with `bestow ca request`.',
    );
  const token = openRootToken(tokens, root.token);
  const signer = await openSigner(config, token, tokenKeyName(root.token, key));
  return { key, certificate: readCaCertificate(der(key.certificate)), signer };
}

function openRootToken(tokens: OpenTokens, name: string): OpenToken {
  try {
    return tokens.open(name);
  } catch (error) {
    if (!(error instanceof TokenFault) || error.kind !== 'module') throw error;
    throw new CommandError(
      exitCodes.unavailable,
      `The root's key is in the token "${name}", which cannot be opened: ${error.message}. Bring it here for as long as this takes; nothing was changed.`,
      { cause: error },
    );
  }
}
