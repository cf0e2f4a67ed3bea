/**
 * The signer processes of this server: one for each token that holds keys of its issuers.
 */

import type { Logger } from 'pino';
import {
  type CertificationAuthority,
  type IssuingKey,
  issuingKeysOf,
  type TokenKeyName,
} from '../ca/certification-authority.ts';
import { type SignerSupervisor, superviseSigner } from '../hsm/signer-supervisor.ts';
import type { TokenKey } from '../hsm/token-key.ts';
import type { Config } from './config.ts';
import { dataPaths } from './data-directory.ts';
import type { SignerSockets } from './key-connections.ts';

export class SignerProcesses {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #running = new Map<string, SignerSupervisor>();

  constructor(config: Config, logger: Logger) {
    this.#config = config;
    this.#logger = logger;
  }

  get sockets(): SignerSockets {
    return Object.fromEntries(
      [...this.#running].map(([name, { socketPath }]) => [name, socketPath]),
    );
  }

  /**
   * Lends the keys of that CA, and no others.
   * @throws TokenFault, SignerUnavailable; what was lent before still is
   */
  async lend(ca: CertificationAuthority): Promise<void> {
    const wanted = keysByToken(ca, new Date());
    for (const [name, keys] of wanted) {
      const running = this.#running.get(name);
      if (running) await running.lend(keys);
      else this.#running.set(name, await this.#start(name, keys));
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running.values()].map((signer) => signer.stop()));
  }

  #start(name: string, keys: readonly TokenKey[]): Promise<SignerSupervisor> {
    const token = this.#config.tokens[name];
    if (!token)
      throw new Error(
        `The CA has keys in a token "${name}", which the configuration does not name under tokens.`,
      );
    return superviseSigner(token, {
      keys,
      pinRefused: dataPaths(this.#config.directory).pinRefused(name),
      log: (level, message, { pid: signerPid, ...fields }) =>
        this.#logger[level]({ ...fields, signerPid }, message),
    });
  }
}

/** What is lent: the keys that issue, and those that still answer for what they issued. */
function keysByToken(ca: CertificationAuthority, now: Date): Map<string, TokenKey[]> {
  const all = issuingKeysOf(ca)
    .filter(({ chain }) => chain.issuing.notAfter > now)
    .flatMap(keysAround);
  return Map.groupBy(all, ({ token }) => token) as Map<string, TokenKey[]>;
}

function keysAround(key: IssuingKey): (TokenKey & { readonly token: string })[] {
  const { issuer, generation, delegated } = key;
  const name = (what: string) => `${what} of the issuer ${issuer}, generation ${generation}`;
  const lent = ({ token, label, publicKey, algorithm }: TokenKeyName, certificate: string) => ({
    token,
    label,
    publicKey,
    algorithm,
    certificate,
  });
  return [
    lent(key, name('the certificate')),
    ...(delegated.cmc ? [lent(delegated.cmc, name('the CMC certificate'))] : []),
    ...(delegated.ocsp ? [lent(delegated.ocsp, name('the OCSP certificate'))] : []),
  ];
}
