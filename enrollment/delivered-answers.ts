/** A private key in the form in which it goes to its device. */
export interface DeliveredKey {
  /** PrivateKeyInfo (PKCS #8), or EnvelopedData around it. */
  readonly form: 'pkcs8' | 'enveloped';
  /** DER. Nobody but the store may overwrite it. */
  readonly der: Uint8Array;
  /** SubjectPublicKeyInfo, DER: of the certificate that goes with it. */
  readonly publicKey: Uint8Array;
}

/**
 * Port: keys that were made here, for as long as a lost answer may be asked for again. They are in memory alone, and
 * overwritten when the time is over; server/ implements it.
 */
export interface DeliveredAnswers {
  /** Resolves when a repetition finds the key, whichever worker it comes to. */
  keep(request: string, key: DeliveredKey): Promise<void>;
  /** What was kept for a request, the first first: two of the same that came at once may have made two keys. */
  find(request: string): readonly DeliveredKey[];
}
