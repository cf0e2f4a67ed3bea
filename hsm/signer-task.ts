/**
 * What the supervisor and its signer process tell each other. Never a PIN: the process reads it
 * itself.
 */
import type { CaSignatureAlgorithm } from '../ca/signer.ts';
import type { TokenConfig } from './token-config.ts';
import { TokenFault, type TokenFaultKind } from './token-fault.ts';

/** Passed as JSON in the variable BESTOW_SIGNER, which `ps` does not show to other users. */
export interface SignerTask {
  readonly config: TokenConfig;
  readonly socketPath: string;
  /** SubjectPublicKeyInfo DER of the CA certificate, base64. */
  readonly publicKey: string;
  readonly algorithm: CaSignatureAlgorithm;
  /** Path of the marker of a refused PIN. */
  readonly pinRefused?: string;
}

/** From the process to its parent. */
export type SignerMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'fault'; readonly kind: TokenFaultKind; readonly reason: string };

export const signerExitCodes = {
  /** Asked to, or the parent is gone. */
  stopped: 0,
  /** The token refused the PIN. */
  credential: 10,
  /** No key, several, unprotected, or not the one of the certificate. */
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
