/**
 * An error that is answered with a message instead of a sentence: a Full PKI Response (RFC 7030 section 4.3.2). Status and
 * headers are those of the error itself.
 */
export class RefusedMessage extends Error {
  override readonly name = 'RefusedMessage';
  override readonly cause: unknown;
  readonly contentType: string;
  readonly der: Uint8Array;

  constructor(cause: unknown, contentType: string, der: Uint8Array) {
    super(cause instanceof Error ? cause.message : String(cause));
    this.cause = cause;
    this.contentType = contentType;
    this.der = der;
  }
}
