/**
 * The process that owns one token. A PKCS#11 call that hangs cannot be cancelled, and a library
 * that lost its device stays lost, so the process exists to be killed and started again.
 *
 * Exit codes: see `signerExitCodes`. The reason goes to the parent as a message before.
 */
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';
import { loadCryptoki } from './cryptoki.ts';
import { LentKeys } from './lent-keys.ts';
import { openToken } from './open-token.ts';
import { Pkcs11KeyGenerator } from './pkcs11-key-generator.ts';
import type { Pkcs11Signer } from './pkcs11-signer.ts';
import { type SignerServer, serveSigner } from './serve-signer.ts';
import {
  fromTaskKey,
  type LendMessage,
  readSignerTask,
  type SignerMessage,
  type SignerTask,
  signerExitCodes,
  type TaskKey,
} from './signer-task.ts';
import { TokenFault } from './token-fault.ts';

/** Milliseconds for answering what is pending, once there is a reason to exit. */
const drainTime = 1000;

/**
 * Opens the token that the environment describes and serves it until SIGTERM, until the parent
 * is gone, or until the token fails.
 * @param load where tests put a wrapped library
 */
export async function runSignerProcess(load: typeof loadCryptoki = loadCryptoki): Promise<void> {
  const running = new RunningSigner();
  process.on('SIGTERM', () => void running.exit('stopped'));
  // Ctrl-C reaches the whole process group; the parent decides when the signer ends.
  process.on('SIGINT', () => undefined);
  process.on('disconnect', () => void running.abandon());
  process.on('message', ({ keys }: LendMessage) => void running.lend(keys));
  try {
    await running.start(readSignerTask(process.env), load);
  } catch (error) {
    await running.fail(asTokenFault(error));
  }
}

class RunningSigner {
  #server: SignerServer | undefined;
  #lent: LentKeys | undefined;
  #exiting = false;
  #directory: string | undefined;

  async start(task: SignerTask, load: typeof loadCryptoki): Promise<void> {
    const { config, pinRefused, socketPath } = task;
    this.#directory = dirname(socketPath);
    const token = openToken(
      load(config.module, config.environment),
      config,
      pinRefused === undefined ? {} : { pinRefused },
    );
    const onFault = (fault: TokenFault): void => void this.fail(fault);
    const generator = new Pkcs11KeyGenerator(token, onFault);
    this.#lent = new LentKeys(token, config, generator, onFault);
    await this.#lent.replace(task.keys.map(fromTaskKey));
    this.#server = await serveSigner(this.#lent, socketPath);
    await tell({ type: 'ready' });
  }

  /** The parent asks for nothing before it was told that all is ready. */
  async lend(keys: readonly TaskKey[]): Promise<void> {
    let withdrawn: readonly Pkcs11Signer[] = [];
    try {
      withdrawn = (await this.#lent?.replace(keys.map(fromTaskKey))) ?? [];
    } catch (error) {
      const { kind, message: reason } = asTokenFault(error);
      await tell({ type: 'not-lent', kind, reason });
      return;
    }
    await tell({ type: 'lent' });
    await this.#server?.release(withdrawn);
    for (const signer of withdrawn) signer.close();
  }

  /** The parent died without removing the directory of the socket, and nobody else will. */
  async abandon(): Promise<void> {
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
    await this.exit('stopped');
  }

  async fail(fault: TokenFault): Promise<void> {
    if (this.#exiting) return;
    await tell({ type: 'fault', kind: fault.kind, reason: fault.message });
    await this.exit(fault.kind);
  }

  async exit(reason: keyof typeof signerExitCodes): Promise<void> {
    if (this.#exiting) return;
    this.#exiting = true;
    // Leaving the process joins its threads; one that hangs in the library would keep it.
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), drainTime);
    await this.#server?.close();
    process.exitCode = signerExitCodes[reason];
    process.exit();
  }
}

function asTokenFault(error: unknown): TokenFault {
  if (error instanceof TokenFault) return error;
  const { cause } = error instanceof Error ? error : { cause: undefined };
  if (cause instanceof TokenFault) return cause;
  return new TokenFault('module', error instanceof Error ? error.message : String(error));
}

/** Waits until the message is on its way; a parent that is gone needs no message. */
async function tell(message: SignerMessage): Promise<void> {
  if (!process.connected) return;
  await new Promise<void>((sent) => process.send?.(message, undefined, undefined, () => sent()));
}

if (import.meta.main) await runSignerProcess();
