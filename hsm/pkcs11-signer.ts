/**
 * Signer over a key in a PKCS#11 token, in this process.
 */
import { type CaSignatureAlgorithm, type Signer, SignerUnavailable } from '../ca/signer.ts';
import type { OpenToken } from './open-token.ts';
import { pkcs11FaultClass } from './pkcs11-fault.ts';
import type { KeySession, SessionPool } from './session-pool.ts';
import { algorithmParameters, digestFor } from './signature-algorithm.ts';
import { TokenFault } from './token-fault.ts';
import type { SignerKey } from './token-key.ts';

export interface Pkcs11SignerOptions {
  /** Milliseconds one signature may take. */
  readonly deadline: number;
  /** Told once, when only another process can use the token again. */
  readonly onFault: (fault: TokenFault) => void;
}

/**
 * A thread hop costs more processor time than a P-256 signature of a fast token. Below this many
 * milliseconds per signature, on average, the event loop makes them itself.
 */
const inlineBelow = 0.5;

export class Pkcs11Signer implements Signer {
  readonly publicKey: Uint8Array;
  readonly algorithm: CaSignatureAlgorithm;
  readonly #token: OpenToken;
  readonly #pool: SessionPool;
  readonly #deadline: number;
  readonly #onFault: (fault: TokenFault) => void;
  /** Milliseconds per signature, smoothed; once it is above inlineBelow it stays there. */
  #duration = Number.POSITIVE_INFINITY;
  #fault: TokenFault | undefined;

  constructor(
    token: OpenToken,
    pool: SessionPool,
    key: SignerKey,
    { deadline, onFault }: Pkcs11SignerOptions,
  ) {
    this.publicKey = key.publicKey;
    this.algorithm = key.algorithm;
    this.#token = token;
    this.#pool = pool;
    this.#deadline = deadline;
    this.#onFault = onFault;
  }

  /** False once the token has failed: this process cannot use it again. */
  get available(): boolean {
    return this.#fault === undefined;
  }

  sign(toBeSigned: Uint8Array): Promise<Buffer> {
    return this.signDigest(digestFor(this.algorithm, toBeSigned));
  }

  /**
   * Signs the digest that `digestFor` makes.
   * @param urgent goes before all that wait
   * @throws SignerUnavailable; RangeError for a digest of the wrong length; Pkcs11Fault for a
   *   call the token will never accept
   */
  async signDigest(digest: Buffer, urgent = false): Promise<Buffer> {
    const { digest: expected, input, output } = algorithmParameters(this.algorithm);
    if (expected && digest.length !== expected.bytes) {
      throw new RangeError(`${this.algorithm} signs a digest of ${expected.bytes} bytes`);
    }
    const data = input(digest);
    const sign = (session: KeySession) => this.#signOnce(session, data);
    return output(await this.#pool.use(sign, (error) => this.#asUnavailable(error), urgent));
  }

  /** Tells how many milliseconds a signature takes, so that the cheaper way is chosen. */
  expectDuration(duration: number): void {
    this.#duration = duration;
  }

  /** Refuses whatever comes from now on: the token has failed, for this key or another one. */
  fail(fault: TokenFault): void {
    if (this.#fault !== undefined) return;
    this.#fault = fault;
    this.#pool.break(unavailable(fault));
  }

  /** Refuses whatever comes from now on, and closes the sessions once they are idle. */
  close(): void {
    this.#pool.close(new SignerUnavailable('the key is no longer lent'));
  }

  #signOnce({ session, key }: KeySession, data: Buffer): Buffer | Promise<Buffer> {
    const { mechanism } = algorithmParameters(this.algorithm);
    const { cryptoki } = this.#token;
    if (this.#duration > inlineBelow) {
      return this.#inTime(cryptoki.signAsync(session, mechanism, key, data));
    }
    const start = performance.now();
    const raw = cryptoki.sign(session, mechanism, key, data);
    this.#observe(performance.now() - start);
    return raw;
  }

  #observe(duration: number): void {
    this.#duration = 0.95 * this.#duration + 0.05 * duration;
  }

  async #inTime(signing: Promise<Buffer>): Promise<Buffer> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const message = `the token did not sign within ${this.#deadline} ms`;
    const timer = setTimeout(() => reject(new TokenFault('module', message)), this.#deadline);
    try {
      return await Promise.race([signing, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #asUnavailable(error: unknown): unknown {
    const isModule = pkcs11FaultClass(error) === 'module';
    if (!isModule && !(error instanceof TokenFault)) return error;
    const fault = this.#fault ?? asTokenFault(error);
    if (this.#fault === undefined) {
      this.fail(fault);
      this.#onFault(fault);
    }
    return unavailable(fault);
  }
}

function asTokenFault(error: unknown): TokenFault {
  if (error instanceof TokenFault) return error;
  return new TokenFault('module', `the token failed: ${String(error)}`, { cause: error });
}

const unavailable = (fault: TokenFault): SignerUnavailable =>
  new SignerUnavailable(`the signer is down: ${fault.message}`, undefined, { cause: fault });
