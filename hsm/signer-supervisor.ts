/**
 * Keeps one signer process alive: starts it, tests it, kills it when it hangs, starts it again.
 */
import { lstat, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignerUnavailable } from '../ca/signer.ts';
import { SignerChild, type SignerEnd } from './signer-child.ts';
import { connectProbe, type SignerConnection } from './signer-connection.ts';
import type { SignerLog } from './signer-log.ts';
import { toTaskKey } from './signer-task.ts';
import { checkTokenConfig, type TokenConfig, tokenDefaults } from './token-config.ts';
import { TokenFault } from './token-fault.ts';
import { isSameKey, type TokenKey, tokenKeyProblems } from './token-key.ts';

export interface SuperviseOptions {
  /** The keys lent at first, each to whoever asks for it by its public key; see `lend`. */
  readonly keys: readonly TokenKey[];
  readonly log: SignerLog;
  /** Path of the marker left when the token refuses the PIN, such as DIR/run/pin-refused. */
  readonly pinRefused: string;
  /** Milliseconds from starting a process until it must be ready. */
  readonly startDeadline?: number;
  /** The program to run; tests give one that injects faults. */
  readonly program?: URL;
}

export type SignerState =
  | { readonly status: 'up' }
  | { readonly status: 'down'; readonly reason: string }
  | { readonly status: 'stopped'; readonly reason: string };

export interface SignerSupervisor {
  /** For connectSigner; stays the same across restarts of the process. */
  readonly socketPath: string;
  /** `down` is being repaired; `stopped` waits for an operator or was asked for. */
  readonly state: SignerState;
  /** Process id of the signer process, while there is one. */
  readonly pid: number | undefined;
  /**
   * Lends these keys and no others from now on, also after restarts. Signing with those lent
   * before and after goes on meanwhile; a key that is withdrawn answers what is pending first, and
   * must not be destroyed before this has resolved.
   * Calls are carried out one after another.
   * @param keys all of them; may be empty
   * @throws TokenFault naming the key that does not fit; SignerUnavailable while the signer is not
   *   up. Then all is lent as before, and it is for the caller to try again.
   */
  lend(keys: readonly TokenKey[]): Promise<void>;
  /** Ends the process and removes its socket; resolves when both are gone. */
  stop(): Promise<void>;
}

/** Milliseconds before a restart: doubled each time, from the first to the last. */
const backOff = { first: 500, last: 15_000 };
const defaultStartDeadline = 15_000;

/**
 * Starts a signer process; resolves when it has proved that it signs with each expected key.
 * @throws TokenFault with the reason when it cannot; nothing is left running then
 */
export async function superviseSigner(
  config: TokenConfig,
  options: SuperviseOptions,
): Promise<SignerSupervisor> {
  const problems = [...checkTokenConfig(config), ...tokenKeyProblems(options.keys)];
  if (problems.length > 0) throw new TokenFault('config', problems.join('; '));
  const directory = await mkdtemp(join(tmpdir(), 'bestow-signer-'));
  const supervisor = new Supervisor(config, options, directory);
  try {
    await supervisor.start();
  } catch (error) {
    await supervisor.stop();
    throw error;
  }
  return supervisor;
}

class Supervisor implements SignerSupervisor {
  readonly socketPath: string;
  readonly #directory: string;
  readonly #config: TokenConfig;
  readonly #options: SuperviseOptions;
  /** What each process has to lend. */
  #keys: readonly TokenKey[];
  #lending: Promise<void> = Promise.resolve();
  #state: SignerState = { status: 'down', reason: 'starting' };
  #child: SignerChild | undefined;
  #probes: readonly SignerConnection[] = [];
  #timer: NodeJS.Timeout | undefined;
  #restarts = 0;

  constructor(config: TokenConfig, options: SuperviseOptions, directory: string) {
    this.#config = config;
    this.#options = options;
    this.#keys = options.keys;
    this.#directory = directory;
    this.socketPath = join(directory, 'signer.sock');
  }

  get state(): SignerState {
    return this.#state;
  }

  get #stopped(): boolean {
    return this.#state.status === 'stopped';
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get #startDeadline(): number {
    return this.#options.startDeadline ?? defaultStartDeadline;
  }

  lend(keys: readonly TokenKey[]): Promise<void> {
    const lending = this.#lending.then(() => this.#lend(keys));
    this.#lending = lending.catch(() => undefined);
    return lending;
  }

  async #lend(keys: readonly TokenKey[]): Promise<void> {
    const problems = tokenKeyProblems(keys);
    if (problems.length > 0) throw new TokenFault('config', problems.join('; '));
    const withdrawn = this.#keys.filter((key) => !isAmong(keys, key));
    await this.#hand([...keys, ...withdrawn]);
    // From here on no probe misses those that are withdrawn.
    this.#keys = keys;
    const { token } = this.#config;
    this.#options.log('info', 'keys are lent', { token, keys: keys.map(({ label }) => label) });
    // A process that ends now is followed by one that never had them.
    if (withdrawn.length > 0) await this.#hand(keys).catch(() => undefined);
  }

  async #hand(keys: readonly TokenKey[]): Promise<void> {
    const { status } = this.#state;
    if (!this.#child || status !== 'up')
      throw new SignerUnavailable(`the signer is ${status}: no key is lent or withdrawn now`);
    await this.#child.lend(keys.map(toTaskKey), this.#startDeadline);
  }

  async start(): Promise<void> {
    const { pinRefused, program, log } = this.#options;
    await assertPrivateDirectory(this.#directory);
    if (this.#stopped) return;
    const child = new SignerChild(
      {
        config: this.#config,
        socketPath: this.socketPath,
        keys: this.#keys.map(toTaskKey),
        pinRefused,
      },
      { log, ...(program === undefined ? {} : { program }) },
    );
    this.#child = child;
    await child.ready(this.#startDeadline);
    if (this.#stopped) return;
    this.#state = { status: 'up' };
    log('info', 'signer is up', { token: this.#config.token, pid: child.pid });
    void child.ended.then((end) => this.#ended(end));
    this.#scheduleProbe();
  }

  async stop(): Promise<void> {
    if (!this.#stopped) this.#state = { status: 'stopped', reason: 'stopped on request' };
    clearTimeout(this.#timer);
    this.#closeProbes();
    await this.#child?.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }

  #scheduleProbe(): void {
    const interval = this.#config.probeInterval ?? tokenDefaults.probeInterval;
    this.#timer = setTimeout(() => void this.#probeOnce(), interval);
  }

  /**
   * Asks for a signature by each key, through new connections, as a client does, so that all of its
   * way is tested: a socket that was deleted under us still serves those who are connected.
   */
  async #probeOnce(): Promise<void> {
    const child = this.#child;
    const { socketPath } = this;
    const deadline = this.#config.deadline ?? tokenDefaults.deadline;
    const probes = this.#keys.map((key) => {
      const { publicKey, algorithm } = key;
      return { key, connection: connectProbe({ publicKey, algorithm, socketPath, deadline }) };
    });
    this.#probes = probes.map(({ connection }) => connection);
    try {
      await Promise.all(probes.map(({ key, connection }) => this.#probeKey(key, connection)));
      this.#restarts = 0;
    } catch (error) {
      if (this.#child !== child || this.#state.status !== 'up') return;
      child?.kill(error instanceof Error ? error.message : String(error));
      return;
    } finally {
      for (const { connection } of probes) connection.close();
    }
    if (this.#child === child && this.#state.status === 'up') this.#scheduleProbe();
  }

  async #probeKey(key: TokenKey, connection: SignerConnection): Promise<void> {
    try {
      await connection.probe();
    } catch (cause) {
      // It may have been withdrawn meanwhile.
      if (!isAmong(this.#keys, key)) return;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`a test signature of ${key.label} failed: ${reason}`, { cause });
    }
  }

  #closeProbes(): void {
    for (const connection of this.#probes) connection.close();
    this.#probes = [];
  }

  #ended(end: SignerEnd): void {
    clearTimeout(this.#timer);
    this.#closeProbes();
    if (this.#stopped) return;
    const fields = { token: this.#config.token, kind: end.kind, reason: end.reason };
    if (end.kind === 'credential') {
      this.#state = { status: 'stopped', reason: end.reason };
      this.#options.log('error', 'signer is stopped: the token refused the PIN', fields);
      return;
    }
    this.#state = { status: 'down', reason: end.reason };
    const delay = Math.min(backOff.first * 2 ** this.#restarts, backOff.last);
    this.#restarts += 1;
    this.#options.log('error', 'signer is down', { ...fields, restartInMs: delay });
    this.#timer = setTimeout(() => void this.#restart(), delay);
  }

  async #restart(): Promise<void> {
    try {
      await this.start();
    } catch (error) {
      if (!(error instanceof TokenFault)) throw error;
      this.#ended({ kind: error.kind, reason: error.message });
    }
  }
}

const isAmong = (keys: readonly TokenKey[], key: TokenKey): boolean =>
  keys.some((other) => isSameKey(other, key));

/**
 * Makes the directory of the socket again if something cleaned it away, and trusts no other that
 * came in its place.
 */
async function assertPrivateDirectory(path: string): Promise<void> {
  await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') {
      throw new TokenFault('config', `${path} cannot be made: ${error.message}`);
    }
  });
  const found = await lstat(path);
  const isOurs = found.isDirectory() && found.uid === process.getuid?.();
  if (!isOurs || (found.mode & 0o777) !== 0o700) {
    throw new TokenFault('config', `${path} is not a directory that is ours alone`);
  }
}
