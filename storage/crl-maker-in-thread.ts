/**
 * Makes CRLs in a worker thread of its own (crl-thread.ts), which begins with the first.
 */

import { Worker } from 'node:worker_threads';
import { CrlMismatch } from '../ca/check-crl.ts';
import type { CrlMaker, CrlOrder, Sign, ToBeSigned } from '../ca/crl-maker.ts';
import type { CrlRecord, CrlScope } from '../ca/crl-store.ts';
import { SignatureFault } from '../ca/sign-structure.ts';
import type { FromCrlThread, ThreadError, ToCrlThread } from './crl-thread.ts';
import { StorageUnavailable } from './storage-unavailable.ts';
import type { StorageConfig } from './stores.ts';

interface Waiting extends PromiseWithResolvers<CrlRecord | undefined> {
  readonly sign?: Sign;
}

export class CrlMakerInThread implements CrlMaker {
  readonly #config: StorageConfig;
  readonly #waiting = new Map<number, Waiting>();
  #thread: Worker | undefined;
  #lastId = 0;
  #closed = false;

  constructor(config: StorageConfig) {
    this.#config = config;
  }

  make(order: CrlOrder, sign: Sign): Promise<CrlRecord | undefined> {
    return this.#ask((id) => ({ id, kind: 'make', order }), sign);
  }

  newest(scope: CrlScope): Promise<CrlRecord | undefined> {
    return this.#ask((id) => ({ id, kind: 'newest', scope }));
  }

  /** What is under way is given up; nothing of it is stored. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#thread?.terminate();
  }

  #ask(message: (id: number) => ToCrlThread, sign?: Sign): Promise<CrlRecord | undefined> {
    if (this.#closed) return Promise.reject(ended());
    const id = ++this.#lastId;
    const waiting = Promise.withResolvers<CrlRecord | undefined>();
    this.#waiting.set(id, { ...waiting, ...(sign ? { sign } : {}) });
    this.#thread ??= this.#start();
    this.#thread.postMessage(message(id));
    return waiting.promise;
  }

  /** A thread that ended is replaced when it is needed again. */
  #start(): Worker {
    const thread = new Worker(new URL('./crl-thread.ts', import.meta.url), {
      workerData: this.#config,
      // What it holds of a CRL are octets, outside of this heap.
      resourceLimits: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 16 },
    });
    const end = (cause?: Error) => {
      if (this.#thread !== thread) return;
      this.#thread = undefined;
      for (const { reject } of this.#waiting.values()) reject(ended(cause));
      this.#waiting.clear();
    };
    thread.on('message', (message: FromCrlThread) => void this.#hear(message));
    thread.on('error', (error: Error) => end(error));
    thread.on('exit', () => end());
    return thread;
  }

  async #hear(message: FromCrlThread): Promise<void> {
    const { id } = message;
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    if (message.kind === 'sign') {
      await this.#sign(id, waiting, message.toBeSigned);
      return;
    }
    this.#waiting.delete(id);
    if (message.kind === 'crl') waiting.resolve(message.crl);
    else waiting.reject(errorOf(message.error));
  }

  async #sign(id: number, { sign, reject }: Waiting, toBeSigned: ToBeSigned): Promise<void> {
    try {
      const signature = await sign?.(toBeSigned);
      if (!signature) throw new TypeError('Nobody signs.');
      this.#thread?.postMessage({ id, kind: 'signed', signature } satisfies ToCrlThread);
    } catch (error) {
      // The caller gets what was thrown, and not what is left of it on the way through the thread.
      this.#waiting.delete(id);
      reject(error);
      this.#thread?.postMessage({ id, kind: 'unsigned' } satisfies ToCrlThread);
    }
  }
}

function ended(cause?: Error): StorageUnavailable {
  return new StorageUnavailable('The CRL thread has ended.', 5, ...(cause ? [{ cause }] : []));
}

const kinds = { SignatureFault, CrlMismatch };

function errorOf({ name, message, stack, retryAfter }: ThreadError): Error {
  if (retryAfter !== undefined) return new StorageUnavailable(message, retryAfter);
  const Kind = name in kinds ? kinds[name as keyof typeof kinds] : Error;
  return Object.assign(new Kind(message), stack ? { stack } : {});
}
