/**
 * Signer over a key in a PKCS#11 token, in this process.
 */
import type { KeyObject } from 'node:crypto';
import { randomBytes } from 'node:crypto';
import { type CaSignatureAlgorithm, type Signer, SignerUnavailable } from '../ca/signer.ts';
import type { Cryptoki } from './cryptoki.ts';
import { assertKeyProtected, findPrivateKey, findPublicHalf } from './find-key.ts';
import { type OpenToken, type OpenTokenOptions, openToken } from './open-token.ts';
import { pkcs11FaultClass } from './pkcs11-fault.ts';
import { fromSpki } from './public-key.ts';
import { type KeySession, SessionPool } from './session-pool.ts';
import { algorithmParameters, digestFor, signatureVerifies } from './signature-algorithm.ts';
import { type TokenConfig, tokenDefaults } from './token-config.ts';
import { TokenFault } from './token-fault.ts';

/** The key as the CA certificate describes it. */
export interface SignerKey {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  readonly algorithm: CaSignatureAlgorithm;
}

export interface Pkcs11SignerOptions extends OpenTokenOptions {
  /** Told once, when only another process can use the token again. */
  readonly onFault?: (fault: TokenFault) => void;
}

/**
 * Opens the token and proves that its key is the expected one before anything is signed with it:
 * one private key of that label, protected, its public half equal to the certificate's, and a
 * test signature that verifies.
 * @throws TokenFault; Pkcs11Fault
 */
export async function openPkcs11Signer(
  cryptoki: Cryptoki,
  config: TokenConfig,
  key: SignerKey,
  options: Pkcs11SignerOptions = {},
): Promise<Pkcs11Signer> {
  const token = openToken(cryptoki, config, options);
  assertKeyIsExpected(token, config.key, key);
  const deadline = config.deadline ?? tokenDefaults.deadline;
  const sessions = config.sessions ?? tokenDefaults.sessions;
  const pool = new SessionPool(token, { key: config.key, sessions, deadline });
  const signer = new Pkcs11Signer(token, pool, key, deadline, options.onFault);
  signer.expectDuration(await assertTestSignatures(signer, fromSpki(key.publicKey)));
  return signer;
}

/** Bytes for a signature that proves the key works. They can be no certificate: not DER. */
export function testMessage(): Buffer {
  return Buffer.from(`Bestow test signature ${randomBytes(16).toString('hex')}`);
}

function assertKeyIsExpected(token: OpenToken, label: string, key: SignerKey): void {
  const privateKey = findPrivateKey(token, token.session, label);
  assertKeyProtected(token.cryptoki, token.session, privateKey);
  const publicHalf = findPublicHalf(token, token.session, privateKey);
  if (publicHalf !== undefined && !publicHalf.equals(key.publicKey)) {
    throw new TokenFault(
      'key',
      `the public key of ${label} in token ${token.label} is not the one in the CA certificate`,
    );
  }
}

/** Enough for the fastest of them to tell how fast the token is. */
const testSignatures = 5;

/** @returns milliseconds the fastest test signature took */
async function assertTestSignatures(signer: Pkcs11Signer, publicKey: KeyObject): Promise<number> {
  let fastest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < testSignatures; i += 1) {
    const message = testMessage();
    const start = performance.now();
    const signature = await signer.sign(message);
    fastest = Math.min(fastest, performance.now() - start);
    if (!signatureVerifies(signer.algorithm, publicKey, message, signature)) {
      throw new TokenFault(
        'key',
        'a test signature of the token does not verify with the public key of the CA certificate',
      );
    }
  }
  return fastest;
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
  readonly #onFault: ((fault: TokenFault) => void) | undefined;
  /** Milliseconds per signature, smoothed; once it is above inlineBelow it stays there. */
  #duration = Number.POSITIVE_INFINITY;
  #fault: TokenFault | undefined;

  constructor(
    token: OpenToken,
    pool: SessionPool,
    key: SignerKey,
    deadline: number,
    onFault?: (fault: TokenFault) => void,
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
    const { digestBytes, input, output } = algorithmParameters(this.algorithm);
    if (digest.length !== digestBytes) {
      throw new RangeError(`${this.algorithm} signs a digest of ${digestBytes} bytes`);
    }
    const data = input(digest);
    const sign = (session: KeySession) => this.#signOnce(session, data);
    return output(await this.#pool.use(sign, (error) => this.#asUnavailable(error), urgent));
  }

  /** Tells how many milliseconds a signature takes, so that the cheaper way is chosen. */
  expectDuration(duration: number): void {
    this.#duration = duration;
  }

  /** Closes the token; see OpenToken.close. */
  close(): void {
    this.#token.close();
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
    if (this.#fault === undefined) {
      this.#fault =
        error instanceof TokenFault
          ? error
          : new TokenFault('module', `the token failed: ${String(error)}`, { cause: error });
      this.#pool.break(unavailable(this.#fault));
      this.#onFault?.(this.#fault);
    }
    return unavailable(this.#fault);
  }
}

const unavailable = (fault: TokenFault): SignerUnavailable =>
  new SignerUnavailable(`the signer is down: ${fault.message}`, undefined, { cause: fault });
