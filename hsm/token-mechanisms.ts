/**
 * What a token says it can do, asked before it is tried: refusals of tokens say little.
 */
import type { CaSignatureAlgorithm } from '../ca/signer.ts';
import type { OpenToken } from './open-token.ts';
import { algorithmParameters } from './signature-algorithm.ts';
import { TokenFault } from './token-fault.ts';

/** Whether the token lists a mechanism, by its CKM_ code. */
export function knows({ cryptoki, slot }: OpenToken, mechanism: number): boolean {
  return cryptoki.mechanisms(slot).includes(mechanism);
}

/** @throws TokenFault `key` when the token cannot make signatures of that algorithm */
export function assertSignsWith(token: OpenToken, algorithm: CaSignatureAlgorithm): void {
  const { mechanism, mechanismName } = algorithmParameters(algorithm);
  if (knows(token, mechanism.mechanism)) return;
  throw new TokenFault(
    'key',
    `token ${token.label} cannot sign with ${algorithm}: it does not list ${mechanismName}`,
  );
}
