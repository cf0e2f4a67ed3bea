/**
 * Lends the keys of a token to other processes over a Unix domain socket.
 */
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { type KeyKind, keyKinds } from '../ca/key-kinds.ts';
import { Unavailable } from '../ca/unavailable.ts';
import { encodeFrame, type Frame, FrameReader, frameKind } from './frame.ts';
import { encodeGeneratedKey, type GeneratedKey } from './generated-key.ts';

/** Pkcs11Signer, in practice. */
export interface DigestSigner {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  signDigest(digest: Buffer, urgent: boolean): Promise<Buffer>;
}

/** What is lent; which signers may change at any time. */
export interface Lent {
  readonly signers: readonly DigestSigner[];
  /** Pkcs11KeyGenerator, in practice. */
  readonly generator: { generate(kind: KeyKind): Promise<GeneratedKey> };
}

export interface SignerServer {
  /**
   * Ends the connections of these signers, once it has answered what is pending there; whoever
   * connects again finds what is lent by then.
   */
  release(signers: readonly DigestSigner[]): Promise<void>;
  /** Takes no more connections, answers what is pending, then closes the connections. */
  close(): Promise<void>;
}

/**
 * @param socketPath in a directory that only its owner may enter, which is all the access
 *   control there is; a socket left over by a dead process is replaced
 */
export async function serveSigner(lent: Lent, socketPath: string): Promise<SignerServer> {
  const connections = new Set<Connection>();
  const server = createServer((socket) => {
    const connection = new Connection(lent, socket);
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  });
  rmSync(socketPath, { force: true });
  server.listen(socketPath);
  await once(server, 'listening');
  return {
    async release(signers) {
      const theirs = [...connections].filter(({ signer }) => signer && signers.includes(signer));
      await Promise.all(theirs.map((connection) => connection.drain()));
    },
    async close() {
      server.close();
      await Promise.all([...connections].map((connection) => connection.drain()));
    },
  };
}

const digestBytes = 32;

/** SHA-256 of a SubjectPublicKeyInfo: how a key is named on the socket. */
export function keyDigest(publicKey: Uint8Array): Buffer {
  return hash('sha256', publicKey, 'buffer');
}

/** What a client needs to know that it reached the signer of the key it means. */
export function helloBody(publicKeys: readonly Uint8Array[]): Buffer {
  return Buffer.concat(publicKeys.map(keyDigest));
}

/** Whether the key of that digest is among those a hello names. */
export function helloNames(body: Buffer, digest: Buffer): boolean {
  for (let at = 0; at < body.length; at += digestBytes) {
    if (body.subarray(at, at + digestBytes).equals(digest)) return true;
  }
  return false;
}

/** Speaks for one key at most: the one it was bound to by its client. */
class Connection {
  readonly #lent: Lent;
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  readonly #pending = new Set<Promise<void>>();
  #signer: DigestSigner | undefined;

  constructor(lent: Lent, socket: Socket) {
    this.#lent = lent;
    this.#socket = socket;
    socket.on('data', (chunk) => this.#receive(chunk));
    // A client that went away is its own affair; 'close' follows and drops the connection.
    socket.on('error', () => socket.destroy());
    const body = helloBody(lent.signers.map(({ publicKey }) => publicKey));
    this.#send({ id: 0, kind: frameKind.hello, body });
  }

  /** The one whose key it was bound to. */
  get signer(): DigestSigner | undefined {
    return this.#signer;
  }

  async drain(): Promise<void> {
    this.#socket.pause();
    await Promise.all(this.#pending);
    this.#socket.destroySoon();
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#reader.read(chunk)) this.#accept(frame);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#socket.destroy();
    }
  }

  /** @throws RangeError for what no client of ours says */
  #accept(frame: Frame): void {
    const { kind, body } = frame;
    if (kind === frameKind.bind) this.#bind(body);
    else if (kind === frameKind.generate) this.#answer(frame, this.#generate(frame));
    else if (this.#signer && (kind === frameKind.sign || kind === frameKind.signFirst))
      this.#answer(frame, this.#sign(frame, this.#signer));
    else throw new RangeError(`a frame of kind ${kind} does not belong here`);
  }

  #bind(digest: Buffer): void {
    const signer = this.#lent.signers.find(({ publicKey }) => keyDigest(publicKey).equals(digest));
    if (!signer || this.#signer) throw new RangeError('a connection is for one key that is lent');
    this.#signer = signer;
  }

  async #sign({ id, kind, body }: Frame, signer: DigestSigner): Promise<void> {
    const signature = await signer.signDigest(body, kind === frameKind.signFirst);
    this.#send({ id, kind: frameKind.signed, body: signature });
  }

  async #generate({ id, body }: Frame): Promise<void> {
    const kind = keyKinds.find((known) => known === body.toString('latin1'));
    if (!kind) throw new RangeError('it makes no key of that kind');
    const key = await this.#lent.generator.generate(kind);
    const answer = encodeGeneratedKey(key);
    const frame = encodeFrame({ id, kind: frameKind.generated, body: answer });
    const wipe = (): void => {
      for (const copy of [key.privateKeyInfo, answer, frame]) copy.fill(0);
    };
    if (this.#socket.writable) this.#socket.write(frame, wipe);
    else wipe();
  }

  /** Keeps the answer among the pending until it is written, and answers a failure. */
  #answer({ id }: Frame, working: Promise<void>): void {
    const answering = working.catch((error: unknown) => {
      const kind = error instanceof Unavailable ? frameKind.unavailable : frameKind.refused;
      const sentence = Buffer.from(error instanceof Error ? error.message : String(error));
      this.#send({ id, kind, body: sentence.subarray(0, 1024) });
    });
    this.#pending.add(answering);
    answering.finally(() => this.#pending.delete(answering));
  }

  #send(frame: Frame): void {
    if (!this.#socket.writable) return;
    writeTogether(this.#socket, encodeFrame(frame));
  }
}

/** Writes all frames of one turn of the event loop with one system call. */
export function writeTogether(socket: Socket, bytes: Buffer): void {
  if (socket.writableCorked === 0) {
    socket.cork();
    setImmediate(() => socket.uncork());
  }
  socket.write(bytes);
}
