/**
 * Lends a signer to other processes over a Unix domain socket.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { SignerUnavailable } from '../ca/signer.ts';
import { encodeFrame, type Frame, FrameReader, frameKind } from './frame.ts';

/** What is lent: Pkcs11Signer, in practice. */
export interface DigestSigner {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  signDigest(digest: Buffer, urgent: boolean): Promise<Buffer>;
}

export interface SignerServer {
  /** Takes no more connections, answers what is pending, then closes the connections. */
  close(): Promise<void>;
}

/**
 * @param socketPath in a directory that only its owner may enter, which is all the access
 *   control there is; a socket left over by a dead process is replaced
 */
export async function serveSigner(signer: DigestSigner, socketPath: string): Promise<SignerServer> {
  const connections = new Set<Connection>();
  const server = createServer((socket) => {
    const connection = new Connection(signer, socket);
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  });
  rmSync(socketPath, { force: true });
  server.listen(socketPath);
  await once(server, 'listening');
  return {
    async close() {
      server.close();
      await Promise.all([...connections].map((connection) => connection.drain()));
    },
  };
}

/** What a client needs to know that it reached the signer of the key it means. */
export function helloBody(publicKey: Uint8Array): Buffer {
  return createHash('sha256').update(publicKey).digest();
}

class Connection {
  readonly #signer: DigestSigner;
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  readonly #pending = new Set<Promise<void>>();

  constructor(signer: DigestSigner, socket: Socket) {
    this.#signer = signer;
    this.#socket = socket;
    socket.on('data', (chunk) => this.#receive(chunk));
    // A client that went away is its own affair; 'close' follows and drops the connection.
    socket.on('error', () => socket.destroy());
    this.#send({ id: 0, kind: frameKind.hello, body: helloBody(signer.publicKey) });
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

  #accept(frame: Frame): void {
    if (frame.kind !== frameKind.sign && frame.kind !== frameKind.signFirst) {
      this.#socket.destroy();
      return;
    }
    const answering = this.#answer(frame);
    this.#pending.add(answering);
    answering.finally(() => this.#pending.delete(answering));
  }

  async #answer({ id, kind, body }: Frame): Promise<void> {
    try {
      const signature = await this.#signer.signDigest(body, kind === frameKind.signFirst);
      this.#send({ id, kind: frameKind.signed, body: signature });
    } catch (error) {
      const isPassing = error instanceof SignerUnavailable;
      const sentence = Buffer.from(error instanceof Error ? error.message : String(error));
      this.#send({
        id,
        kind: isPassing ? frameKind.unavailable : frameKind.refused,
        body: sentence.subarray(0, 1024),
      });
    }
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
