/**
 * A refusal is the caller's affair and is explained to them; any other error is a fault of ours and is not.
 * Each layer has a closed list of codes; server/est/refusals.ts must map every one of them or does not compile.
 */

/** Reasons in the certificate request itself. */
export type RequestRefusalCode = 'malformed-request' | 'bad-signature' | 'unsupported-key';

/** Reasons found when the intent to issue is recorded. */
export type IssuanceRefusalCode =
  | 'credential-spent'
  | 'factory-certificate-used'
  | 'factory-key-mismatch'
  | 'first-key-mismatch'
  | 'bootstrap-quota-used'
  | 'bootstrap-window-closed'
  | 'certificate-revoked'
  | 'key-in-use'
  | 'key-compromised'
  | 'key-banned'
  | 'key-unconfirmed'
  | 'subscriber-inactive'
  | 'approval-used';

export class Refusal<Code extends string = string> extends Error {
  override readonly name = 'Refusal';
  readonly code: Code;

  /** @param message one sentence for the device's engineer; it may be sent to the client, so it holds no secret */
  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export function malformed(message: string, options?: ErrorOptions): Refusal<RequestRefusalCode> {
  return new Refusal('malformed-request', message, options);
}
