/** One use of a nonce (RFC 7616 section 3.4). */
export interface NonceUse {
  readonly nonce: string;
  /** The `nc` parameter: how often the client has used the nonce, this use included. */
  readonly count: number;
  /** From then on the nonce is not accepted anyway, and its uses can be forgotten. */
  readonly expiresAt: Date;
}

/** Port: which nonces were used, for all workers. storage/ implements it. */
export interface DigestNonces {
  /**
   * Records a use, if it counts higher than every use before it.
   * @returns false when it does not: the request is a replay; of racing claims of one count, one is true
   */
  claim(use: NonceUse, at: Date): Promise<boolean>;
}
