/**
 * What the supervisor and its signer process tell each other. Never a PIN: the process reads it
 * itself.
 */
import type { TokenConfig } from './token-config.ts';
import { TokenFault, type TokenFaultKind } from './token-fault.ts';
import type { TokenKey } from './token-key.ts';

/** Passed as JSON in the variable BESTOW_SIGNER, which `ps` does not show to other users. */
export interface SignerTask {
  readonly config: TokenConfig;
  readonly socketPath: string;
  /** The keys to lend. */
  readonly keys: readonly TaskKey[];
  /** Path of the marker of a refused PIN. */
  readonly pinRefused?: string;
}

/** As JSON takes it: the public key in base64. */
export type TaskKey = Omit<TokenKey, 'publicKey'> & { readonly publicKey: string };

export function toTaskKey(key: TokenKey): TaskKey {
  const { label, certificate, algorithm, publicKey } = key;
  return { label, certificate, algorithm, publicKey: Buffer.from(publicKey).toString('base64') };
}

export function fromTaskKey({ publicKey, ...key }: TaskKey): TokenKey {
  return { ...key, publicKey: Buffer.from(publicKey, 'base64') };
}

/** From the parent to its process: from now on lend these keys and no others. Answered one at a time. */
export interface LendMessage {
  readonly type: 'lend';
  readonly keys: readonly TaskKey[];
}

/** From the process to its parent. */
export type SignerMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'lent' }
  /** All is lent as before. */
  | { readonly type: 'not-lent'; readonly kind: TokenFaultKind; readonly reason: string }
  | { readonly type: 'fault'; readonly kind: TokenFaultKind; readonly reason: string };

export const signerExitCodes = {
  /** Asked to, or the parent is gone. */
  stopped: 0,
  /** The token refused the PIN. */
  credential: 10,
  /** A key is missing, ambiguous, unprotected, or not the one of its certificate. */
  key: 11,
  /** The library or the device failed. */
  module: 12,
  /** The configuration or the PIN source cannot be used. */
  config: 13,
} as const satisfies Record<TokenFaultKind | 'stopped', number>;

export const signerTaskVariable = 'BESTOW_SIGNER';

/** @throws TokenFault `config` when the process was not started by a supervisor */
export function readSignerTask(environment: NodeJS.ProcessEnv): SignerTask {
  const json = environment[signerTaskVariable];
  if (json === undefined) {
    throw new TokenFault('config', `${signerTaskVariable} is not set; the server starts this`);
  }
  return JSON.parse(json) as SignerTask;
}
