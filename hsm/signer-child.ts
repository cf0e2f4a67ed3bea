/**
 * One run of the signer process, seen from its parent.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import { SignerUnavailable } from '../ca/signer.ts';
import type { SignerLog } from './signer-log.ts';
import {
  type LendMessage,
  type SignerMessage,
  type SignerTask,
  signerTaskVariable,
  type TaskKey,
} from './signer-task.ts';
import { keyGenerationsAtOnce, type TokenConfig, tokenDefaults } from './token-config.ts';
import { TokenFault, type TokenFaultKind } from './token-fault.ts';

/** How a signer process ended. */
export interface SignerEnd {
  readonly kind: TokenFaultKind;
  readonly reason: string;
}

export interface SignerChildOptions {
  readonly log: SignerLog;
  /** The program to run; by default signer-process. */
  readonly program?: URL;
}

/** Milliseconds a process may take to end by itself after being asked, or after its token failed. */
const endTime = 2000;
/** Characters of one line of the library's own complaints that go to the log. */
const mostOutput = 500;

/** Where programs and the home directory are, and how times and texts are written. */
const inheritedVariables = ['PATH', 'HOME', 'TZ', 'LANG', 'LC_ALL', 'NODE_V8_COVERAGE'];

/**
 * What a process needs of our environment; what else is there is not for a vendor's library to see.
 * Variables that the library reads are named in the configuration.
 */
function inherited({ pin }: TokenConfig): NodeJS.ProcessEnv {
  const names = 'env' in pin ? [...inheritedVariables, pin.env] : inheritedVariables;
  const present = names.filter((name) => process.env[name] !== undefined);
  return Object.fromEntries(present.map((name) => [name, process.env[name]]));
}

/** Keys that come and go while a process runs, for which it has threads from the start. */
const roomForKeys = 12;
const mostThreads = 512;

/**
 * One thread for each signature and each key pair that can be in the making, so that a long key
 * generation or a slow key keeps no signature waiting. Their number is fixed once a process runs.
 */
function threadsFor({ config, keys }: SignerTask): number {
  const sessions = config.sessions ?? tokenDefaults.sessions;
  const signatures = sessions * Math.max(keys.length, roomForKeys);
  return Math.min(signatures, mostThreads) + keyGenerationsAtOnce;
}

const signerProgram = new URL(`./signer-process${extname(import.meta.filename)}`, import.meta.url);

export class SignerChild {
  /** Resolves once the process is gone, whatever the reason. */
  readonly ended: Promise<SignerEnd>;
  readonly #process: ChildProcess;
  readonly #ready = Promise.withResolvers<void>();
  #lending: PromiseWithResolvers<void> | undefined;
  #end: SignerEnd | undefined;
  #deadline: NodeJS.Timeout | undefined;

  constructor(task: SignerTask, options: SignerChildOptions) {
    this.#process = fork(options.program ?? signerProgram, [], {
      execArgv: [],
      env: {
        ...inherited(task.config),
        UV_THREADPOOL_SIZE: String(threadsFor(task)),
        ...task.config.environment,
        [signerTaskVariable]: JSON.stringify(task),
      },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const { pid } = this.#process;
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      options.log('warn', 'output of the signer process', { pid, text: text.slice(0, mostOutput) });
    });
    this.#process.on('message', (message: SignerMessage) => this.#receive(message));
    this.ended = this.#watchEnd();
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /**
   * Resolves when the process serves its token.
   * @param deadline milliseconds from now; then the process is killed
   * @throws TokenFault once the process has ended instead
   */
  async ready(deadline: number): Promise<void> {
    const message = `the signer process was not ready within ${deadline} ms`;
    this.#deadline = setTimeout(() => this.kill(message), deadline);
    const failed = this.ended.then((end): never => {
      throw new TokenFault(end.kind, end.reason);
    });
    await Promise.race([this.#ready.promise, failed]).finally(() => clearTimeout(this.#deadline));
  }

  /**
   * Has the process lend these keys and no others; one call at a time.
   * @param deadline milliseconds from now; then the process is killed
   * @throws TokenFault when a key does not fit, and all is lent as before; SignerUnavailable once
   *   the process has ended instead
   */
  async lend(keys: readonly TaskKey[], deadline: number): Promise<void> {
    this.#lending = Promise.withResolvers();
    const late = `the signer process did not take over its keys within ${deadline} ms`;
    const timer = setTimeout(() => this.kill(late), deadline);
    const ended = this.ended.then(({ reason }): never => {
      throw new SignerUnavailable(`the signer is down: ${reason}`);
    });
    const message: LendMessage = { type: 'lend', keys };
    // A channel that is closed says nothing here: the end of the process follows.
    this.#process.send(message, () => undefined);
    await Promise.race([this.#lending.promise, ended]).finally(() => clearTimeout(timer));
  }

  /** Ends the process at once, hung or not. */
  kill(reason: string): void {
    this.#end ??= { kind: 'module', reason };
    this.#process.kill('SIGKILL');
  }

  /** Asks the process to end, and makes it; resolves when it is gone. */
  async stop(): Promise<void> {
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), endTime);
    await this.ended;
    clearTimeout(timer);
  }

  #receive(message: SignerMessage): void {
    if (message.type === 'ready') {
      this.#ready.resolve();
      return;
    }
    if (message.type === 'lent') {
      this.#lending?.resolve();
      return;
    }
    if (message.type === 'not-lent') {
      this.#lending?.reject(new TokenFault(message.kind, message.reason));
      return;
    }
    this.#end ??= { kind: message.kind, reason: message.reason };
    // It ends by itself, unless the library does not let it.
    setTimeout(() => this.#process.kill('SIGKILL'), endTime).unref();
  }

  #watchEnd(): Promise<SignerEnd> {
    return new Promise((resolve) => {
      const end = (reason: string): void => resolve(this.#end ?? { kind: 'module', reason });
      this.#process.once('error', (error) => end(`the signer process: ${error.message}`));
      // 'close' comes after the last message and the last output; 'exit' may come before.
      this.#process.once('close', (code, signal) =>
        end(`the signer process ended by itself (${signal ?? `exit code ${code}`})`),
      );
    });
  }
}
