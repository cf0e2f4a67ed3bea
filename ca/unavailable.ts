/** Something we depend on is out of reach for now; the same request may succeed later (HTTP 503). */
export class Unavailable extends Error {
  override readonly name: string = 'Unavailable';
  /** Seconds after which another try makes sense. */
  readonly retryAfter: number;

  constructor(message: string, retryAfter = 10, options?: ErrorOptions) {
    super(message, options);
    this.retryAfter = retryAfter;
  }
}
