/**
 * Signer over the socket of a signer process; the client of serve-signer.ts. A connection is for
 * one of the keys that are lent there.
 */
import { connect, type Socket } from 'node:net';
import { type Signer, SignerUnavailable, signatureHashOf } from '../ca/signer.ts';
import { encodeFrame, type Frame, FrameReader, frameKind, maxBodyBytes } from './frame.ts';
import { testMessage } from './open-signers.ts';
import { fromSpki } from './public-key.ts';
import { helloNames, keyDigest, writeTogether } from './serve-signer.ts';
import { digestFor, signatureVerifies } from './signature-algorithm.ts';
import { tokenDefaults } from './token-config.ts';
import type { SignerKey } from './token-key.ts';

export interface SignerConnectionOptions extends SignerKey {
  readonly socketPath: string;
  /** Milliseconds a signature may take, connecting included. */
  readonly deadline?: number;
}

/**
 * A signer that may go away and come back. Once `available` turns false, a test signature is tried
 * again and again in the background, so it turns true by itself.
 */
export interface RemoteSigner extends Signer {
  /** Refuses what is pending and stops trying. */
  close(): void;
}

/** Does not wait for the connection; calls made before it stands wait for it. */
export function connectSigner(options: SignerConnectionOptions): RemoteSigner {
  return new SignerConnection(options);
}

interface Pending {
  readonly kind: number;
  readonly body: Buffer;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (signature: Buffer) => void;
  readonly reject: (error: Error) => void;
}

/** Callers beyond this many are turned away at once. */
const mostPending = 4000;
/** Milliseconds between two attempts to find the signer again. */
const recoveryDelay = { first: 100, last: 2000 };

class SignerConnection implements RemoteSigner {
  readonly publicKey: Uint8Array;
  readonly algorithm: SignerKey['algorithm'];
  readonly #socketPath: string;
  readonly #deadline: number;
  readonly #pending = new Map<number, Pending>();
  #socket: Socket | undefined;
  /** True once the peer has shown that it lends our key, and the connection is bound to it. */
  #greeted = false;
  #nextId = 0;
  #available = true;
  #closed = false;
  #recovery: NodeJS.Timeout | undefined;
  #recoveryDelay = recoveryDelay.first;

  constructor(options: SignerConnectionOptions) {
    this.publicKey = options.publicKey;
    this.algorithm = options.algorithm;
    this.#socketPath = options.socketPath;
    this.#deadline = options.deadline ?? tokenDefaults.deadline;
    this.#connect();
  }

  get available(): boolean {
    return this.#available;
  }

  sign(toBeSigned: Uint8Array): Promise<Buffer> {
    return this.#request(frameKind.sign, digestFor(this.algorithm, toBeSigned));
  }

  /** The signer refuses a digest of another length than the algorithm's. */
  signDigest(digest: Uint8Array): Promise<Buffer> {
    // It would be signed as if it were the message.
    if (signatureHashOf[this.algorithm] === null)
      return Promise.reject(new TypeError(`${this.algorithm} signs no digests`));
    return this.#request(frameKind.sign, Buffer.from(digest));
  }

  /**
   * Makes a test signature before all that wait, and verifies it.
   * @throws SignerUnavailable
   */
  async probe(): Promise<void> {
    const message = testMessage();
    const digest = digestFor(this.algorithm, message);
    const signature = await this.#request(frameKind.signFirst, digest);
    const key = fromSpki(this.publicKey);
    if (!signatureVerifies(this.algorithm, key, message, signature)) {
      throw new SignerUnavailable('a test signature of the token does not verify');
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#recovery);
    this.#disconnect('the connection to the signer was closed');
  }

  #request(kind: number, body: Buffer): Promise<Buffer> {
    if (this.#closed) {
      return Promise.reject(new SignerUnavailable('the connection to the signer is closed'));
    }
    if (body.length > maxBodyBytes) {
      const tooLong = `${this.algorithm} signs at most ${maxBodyBytes} octets here`;
      return Promise.reject(new RangeError(tooLong));
    }
    if (this.#pending.size >= mostPending) {
      return Promise.reject(new SignerUnavailable('too many signatures are waiting', 1));
    }
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const id = this.#nextId;
    this.#nextId = (id + 1) >>> 0;
    const timer = setTimeout(() => this.#late(id), this.#deadline);
    this.#pending.set(id, { kind, body, timer, resolve, reject });
    const socket = this.#socket ?? this.#connect();
    if (this.#greeted) writeTogether(socket, encodeFrame({ id, kind, body }));
    return promise;
  }

  #connect(): Socket {
    const socket = connect(this.#socketPath);
    const reader = new FrameReader();
    this.#socket = socket;
    this.#greeted = false;
    let reason = 'the signer closed the connection';
    socket.on('data', (chunk) => {
      try {
        for (const frame of reader.read(chunk)) this.#accept(socket, frame);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    socket.on('error', (error) => {
      reason = `the signer cannot be reached: ${error.message}`;
    });
    socket.on('close', () => {
      if (this.#socket === socket) this.#disconnect(reason);
    });
    // A connection on which nothing is asked keeps no process alive; pending timers do.
    socket.unref();
    return socket;
  }

  #disconnect(reason: string): void {
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#greeted = false;
    for (const id of [...this.#pending.keys()])
      this.#take(id)?.reject(new SignerUnavailable(reason));
    this.#lost();
  }

  #accept(socket: Socket, { id, kind, body }: Frame): void {
    if (kind === frameKind.hello) {
      this.#greet(socket, body);
      return;
    }
    if (!this.#greeted) throw new RangeError('the signer did not introduce itself');
    const pending = this.#take(id);
    if (kind === frameKind.signed) {
      this.#found();
      pending?.resolve(Buffer.from(body));
    } else if (kind === frameKind.unavailable) {
      this.#lost();
      pending?.reject(new SignerUnavailable(body.toString()));
    } else {
      pending?.reject(new Error(`the signer refused: ${body.toString()}`));
    }
  }

  #greet(socket: Socket, body: Buffer): void {
    const digest = keyDigest(this.publicKey);
    if (this.#greeted || !helloNames(body, digest)) {
      throw new RangeError('it does not lend the key of the certificate');
    }
    this.#greeted = true;
    writeTogether(socket, encodeFrame({ id: 0, kind: frameKind.bind, body: digest }));
    for (const [id, { kind, body: digest }] of this.#pending) {
      writeTogether(socket, encodeFrame({ id, kind, body: digest }));
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    clearTimeout(pending?.timer);
    return pending;
  }

  #late(id: number): void {
    const message = `the signer did not answer within ${this.#deadline} ms`;
    this.#take(id)?.reject(new SignerUnavailable(message));
    // A peer that accepts connections but never says hello may be a stopped process.
    if (!this.#greeted) this.#socket?.destroy();
    this.#lost();
  }

  #found(): void {
    this.#available = true;
    this.#recoveryDelay = recoveryDelay.first;
  }

  #lost(): void {
    this.#available = false;
    if (this.#closed || this.#recovery !== undefined) return;
    this.#recovery = setTimeout(() => void this.#recover(), this.#recoveryDelay);
    this.#recovery.unref();
    this.#recoveryDelay = Math.min(this.#recoveryDelay * 2, recoveryDelay.last);
  }

  /** One attempt; ends either available or with the next attempt arranged. */
  async #recover(): Promise<void> {
    // The supervisor logs why the signer is down; here it only matters that it is.
    await this.probe().catch(() => this.#lost());
    this.#recovery = undefined;
    if (!this.#available) this.#lost();
  }
}

export type { SignerConnection };

/** A connection for the supervisor, which also probes. */
export function connectProbe(options: SignerConnectionOptions): SignerConnection {
  return new SignerConnection(options);
}
