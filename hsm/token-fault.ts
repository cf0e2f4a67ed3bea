/**
 * Why a token cannot be used, in a sentence for the operator and a kind for the supervisor.
 *
 * - `credential`: the PIN was refused; nobody may try it again
 * - `key`: the key is missing, ambiguous, unprotected, or not the one of the certificate
 * - `config`: the configuration or the PIN source is unusable; the token was not asked
 * - `module`: the library or the device does not work; may pass
 */
export type TokenFaultKind = 'credential' | 'key' | 'config' | 'module';

export class TokenFault extends Error {
  override readonly name = 'TokenFault';
  readonly kind: TokenFaultKind;

  constructor(kind: TokenFaultKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
