/**
 * One run of the signer process, seen from its parent.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import type { SignerLog } from './signer-log.ts';
import { type SignerMessage, type SignerTask, signerTaskVariable } from './signer-task.ts';
import { keyGenerationsAtOnce, tokenDefaults } from './token-config.ts';
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

const signerProgram = new URL(`./signer-process${extname(import.meta.filename)}`, import.meta.url);

export class SignerChild {
  /** Resolves once the process is gone, whatever the reason. */
  readonly ended: Promise<SignerEnd>;
  readonly #process: ChildProcess;
  readonly #ready = Promise.withResolvers<void>();
  #end: SignerEnd | undefined;
  #deadline: NodeJS.Timeout | undefined;

  constructor(task: SignerTask, options: SignerChildOptions) {
    const sessions = task.config.sessions ?? tokenDefaults.sessions;
    this.#process = fork(options.program ?? signerProgram, [], {
      execArgv: [],
      env: {
        ...process.env,
        // One thread for each signature and each key pair that can be in the making, so that a long
        // key generation keeps no signature waiting.
        UV_THREADPOOL_SIZE: String(sessions * task.keys.length + keyGenerationsAtOnce),
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
