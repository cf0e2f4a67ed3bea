/**
 * The keys that the signer processes lend to this process: a connection for each that is used.
 */

import type { TokenKeyName } from '../ca/certification-authority.ts';
import type { Signer } from '../ca/signer.ts';
import { SignerUnavailable } from '../ca/signer.ts';
import type { KeyGenerator } from '../enrollment/key-generator.ts';
import { RemoteKeyGenerator } from '../hsm/key-generator-connection.ts';
import { connectSigner, type RemoteSigner } from '../hsm/signer-connection.ts';
import type { TokenConfig } from '../hsm/token-config.ts';

/** Paths of the sockets of signer processes, by the names of their tokens. */
export type SignerSockets = Readonly<Record<string, string>>;

export class KeyConnections {
  readonly #tokens: Readonly<Record<string, Pick<TokenConfig, 'deadline'>>>;
  readonly #connections = new Map<string, RemoteSigner>();
  #sockets: SignerSockets;

  constructor(
    tokens: Readonly<Record<string, Pick<TokenConfig, 'deadline'>>>,
    sockets: SignerSockets,
  ) {
    this.#tokens = tokens;
    this.#sockets = sockets;
  }

  /** Where tokens are lent that were not before. */
  follow(sockets: SignerSockets): void {
    this.#sockets = sockets;
  }

  /** @throws SignerUnavailable where its token is lent by nobody */
  signer({ token, algorithm, publicKey }: TokenKeyName): Signer {
    const socketPath = this.#socketOf(token);
    const name = `${socketPath} ${algorithm} ${Buffer.from(publicKey).toString('base64')}`;
    let connection = this.#connections.get(name);
    if (!connection) {
      const deadline = this.#tokens[token]?.deadline;
      connection = connectSigner({
        socketPath,
        publicKey,
        algorithm,
        ...(deadline === undefined ? {} : { deadline }),
      });
      this.#connections.set(name, connection);
    }
    return connection;
  }

  /** Makes keys in that token. @throws SignerUnavailable */
  generator(token: string): KeyGenerator {
    return new RemoteKeyGenerator({ socketPath: this.#socketOf(token) });
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.close();
  }

  #socketOf(token: string): string {
    const socketPath = this.#sockets[token];
    if (!socketPath)
      throw new SignerUnavailable(`The token "${token}" is not open in this server.`);
    return socketPath;
  }
}
