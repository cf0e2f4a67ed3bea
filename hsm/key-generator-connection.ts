/**
 * Key generator over the socket of a signer process; the other client of serve-signer.ts. Each key
 * comes by a connection of its own, whose pieces are overwritten.
 */
import { connect } from 'node:net';
import type { KeyKind } from '../ca/key-kinds.ts';
import { SignerUnavailable } from '../ca/signer.ts';
import { encodeFrame, type Frame, FrameReader, frameKind } from './frame.ts';
import { decodeGeneratedKey, type GeneratedKey } from './generated-key.ts';

export interface KeyGeneratorConnectionOptions {
  readonly socketPath: string;
  /** Milliseconds a key pair may take, waiting for its turn included; 60,000 by default. */
  readonly deadline?: number;
}

const defaultDeadline = 60_000;

export class RemoteKeyGenerator {
  readonly #socketPath: string;
  readonly #deadline: number;

  constructor({ socketPath, deadline = defaultDeadline }: KeyGeneratorConnectionOptions) {
    this.#socketPath = socketPath;
    this.#deadline = deadline;
  }

  /**
   * @throws SignerUnavailable when no key came in time; Error for a kind of key that the token
   *   does not make
   */
  generate(kind: KeyKind): Promise<GeneratedKey> {
    const { promise, resolve, reject } = Promise.withResolvers<GeneratedKey>();
    const socket = connect(this.#socketPath);
    const reader = new FrameReader('secret');
    let reason = 'the signer closed the connection';
    const timer = setTimeout(() => {
      reason = `the token made no key within ${this.#deadline} ms`;
      socket.destroy();
    }, this.#deadline);
    const accept = (frame: Frame): void => {
      if (frame.kind === frameKind.hello) {
        const body = Buffer.from(kind, 'latin1');
        socket.write(encodeFrame({ id: 1, kind: frameKind.generate, body }));
        return;
      }
      settle(frame, resolve, reject);
      socket.destroy();
    };
    socket.on('data', (chunk) => {
      try {
        for (const frame of reader.read(chunk)) accept(frame);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    socket.on('error', (error) => {
      reason = `the signer cannot be reached: ${error.message}`;
    });
    socket.on('close', () => {
      clearTimeout(timer);
      // Changes nothing once there was an answer.
      reject(new SignerUnavailable(reason));
    });
    return promise;
  }
}

function settle(
  { kind, body }: Frame,
  resolve: (key: GeneratedKey) => void,
  reject: (error: Error) => void,
): void {
  if (kind === frameKind.generated) {
    try {
      resolve(decodeGeneratedKey(body));
    } finally {
      body.fill(0);
    }
  } else if (kind === frameKind.unavailable) {
    reject(new SignerUnavailable(body.toString()));
  } else {
    reject(new Error(`the signer refused: ${body.toString()}`));
  }
}
