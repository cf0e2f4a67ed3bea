/** A key that is barred: in every group, with every credential, and as the key of a credential. */
export interface KeyBan {
  /** SHA-256 of the SubjectPublicKeyInfo, hexadecimal. */
  readonly publicKeyDigest: string;
  readonly reason?: string;
  readonly at: Date;
  readonly by: string;
}

/** Port: keys that get nothing any more. storage/ implements it. */
export interface KeyBans {
  /**
   * Bars a key at once, and rejects what waits for a person with it. Certificates over it stay as they are.
   * @returns false where it is barred already
   */
  ban(ban: KeyBan): Promise<boolean>;
  /** @returns false where it is not barred */
  lift(publicKeyDigest: string, by: string, at: Date): Promise<boolean>;
  /** Newest first. */
  list(limit: number): Promise<KeyBan[]>;
}
