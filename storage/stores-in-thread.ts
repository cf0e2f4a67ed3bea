/**
 * The stores, run in a worker thread of their own (storage-thread.ts).
 */

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { FailureLimits } from '../enrollment/one-time-password-store.ts';
import { CrlMakerInThread } from './crl-maker-in-thread.ts';
import type { StorageAnswer, StorageCall } from './storage-thread.ts';
import { StorageUnavailable } from './storage-unavailable.ts';
import type { OpenStores, StorageConfig } from './stores.ts';

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/**
 * @param fatal called when the thread ends by itself: what was opened here then answers no more
 * @throws StorageUnavailable, SchemaError and what else keeps the database from being opened
 */
export async function openStoresInThread(
  config: StorageConfig,
  limits: FailureLimits,
  fatal: (error: Error) => void,
): Promise<OpenStores> {
  const thread = new Worker(new URL('./storage-thread.ts', import.meta.url), {
    workerData: { config, limits },
  });
  await once(thread, 'message');
  const connection = new ThreadConnection(thread, fatal);
  const crlMaker = new CrlMakerInThread(config);
  return {
    ledger: connection.store('ledger'),
    devices: connection.store('devices'),
    tenants: connection.store('tenants'),
    manufacturers: connection.store('manufacturers'),
    oneTimePasswords: connection.store('oneTimePasswords'),
    bootstrapCredentials: connection.store('bootstrapCredentials'),
    orderLists: connection.store('orderLists'),
    approvals: connection.store('approvals'),
    stagingArea: connection.store('stagingArea'),
    keyBans: connection.store('keyBans'),
    digestNonces: connection.store('digestNonces'),
    deviceKeys: connection.store('deviceKeys'),
    profiles: connection.store('profiles'),
    events: connection.store('events'),
    webhooks: connection.store('webhooks'),
    deliveries: connection.store('deliveries'),
    allocation: connection.store('allocation'),
    campaigns: connection.store('campaigns'),
    campaignTurns: connection.store('campaignTurns'),
    crls: connection.store('crls'),
    crlMaker,
    caState: connection.store('caState'),
    close: async () => {
      await crlMaker.close();
      await connection.close();
    },
  };
}

class ThreadConnection {
  readonly #thread: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #calls: StorageCall[] = [];
  #lastId = 0;
  #ended: Error | undefined;
  #closing = false;
  readonly #fatal: (error: Error) => void;

  constructor(thread: Worker, fatal: (error: Error) => void) {
    this.#fatal = fatal;
    this.#thread = thread;
    thread.on('message', (answers: StorageAnswer[]) => {
      for (const answer of answers) this.#settle(answer);
    });
    thread.on('error', (error) => this.#end(error));
    thread.on('exit', () => this.#end(new Error('The storage thread has ended.')));
  }

  /** A port whose every method is a call to the thread; arguments and results are copied. */
  store<Port extends object>(name: string): Port {
    const methods = new Map<string, (...args: unknown[]) => Promise<unknown>>();
    return new Proxy({} as Port, {
      get: (_target, method) => {
        if (typeof method !== 'string' || method === 'then') return undefined;
        let call = methods.get(method);
        if (!call) {
          call = (...args) => this.#call(name, method, args);
          methods.set(method, call);
        }
        return call;
      },
    });
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    this.#closing = true;
    const exited = once(this.#thread, 'exit');
    this.#thread.postMessage('close');
    await exited;
  }

  #call(store: string, method: string, args: unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(new StorageUnavailable('The storage thread has ended.', 5, { cause: this.#ended }));
        return;
      }
      const id = ++this.#lastId;
      this.#waiting.set(id, { resolve, reject });
      // Calls of the same turn go over in one message.
      if (this.#calls.push({ id, store, method, args }) === 1) setImmediate(() => this.#send());
    });
  }

  #send(): void {
    this.#thread.postMessage(this.#calls);
    this.#calls = [];
  }

  #settle(answer: StorageAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (!waiting) return;
    if ('value' in answer) waiting.resolve(answer.value);
    else waiting.reject(errorOf(answer.error));
  }

  #end(error: Error): void {
    if (this.#ended) return;
    this.#ended = error;
    if (!this.#closing) this.#fatal(error);
    for (const { reject } of this.#waiting.values())
      reject(new StorageUnavailable('The storage thread has ended.', 5, { cause: error }));
    this.#waiting.clear();
  }
}

function errorOf(error: { message: string; stack?: string; retryAfter?: number }): Error {
  if (error.retryAfter !== undefined)
    return new StorageUnavailable(error.message, error.retryAfter);
  return Object.assign(new Error(error.message), error.stack ? { stack: error.stack } : {});
}
