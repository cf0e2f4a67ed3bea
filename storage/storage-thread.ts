/**
 * Runs in a worker thread: SQLite's calls are synchronous and wait for disks and locks, which an event loop that
 * serves devices must never do. The other side is stores-in-thread.ts.
 */

import { parentPort, workerData } from 'node:worker_threads';
import type { FailureLimits } from '../enrollment/one-time-password-store.ts';
import { StorageUnavailable } from './storage-unavailable.ts';
import { openStores, type StorageConfig } from './stores.ts';

export interface StorageCall {
  readonly id: number;
  readonly store: string;
  readonly method: string;
  readonly args: unknown[];
}

export type StorageAnswer =
  | { readonly id: number; readonly value: unknown }
  | {
      readonly id: number;
      readonly error: { message: string; stack?: string; retryAfter?: number };
    };

const port = parentPort;
if (!port) throw new Error('The storage thread was started as a program.');
const { config, limits } = workerData as { config: StorageConfig; limits: FailureLimits };
const stores = await openStores(config, limits);

type Method = (...args: unknown[]) => Promise<unknown>;

async function answer({ id, store, method, args }: StorageCall): Promise<StorageAnswer> {
  try {
    const target = (stores as unknown as Record<string, Record<string, Method>>)[store];
    return { id, value: await target?.[method]?.(...args) };
  } catch (error) {
    if (!(error instanceof Error)) return { id, error: { message: String(error) } };
    const { message, stack = '' } = error;
    const retryAfter = error instanceof StorageUnavailable ? { retryAfter: error.retryAfter } : {};
    return { id, error: { message, stack, ...retryAfter } };
  }
}

// What is ready in the same turn goes back in one message: passing messages costs more than most queries.
let answers: StorageAnswer[] = [];

port.on('message', (calls: StorageCall[] | 'close') => {
  if (calls === 'close') {
    void stores.close().then(() => port.close());
    return;
  }
  for (const call of calls)
    void answer(call).then((ready) => {
      if (answers.push(ready) === 1)
        setImmediate(() => {
          port.postMessage(answers);
          answers = [];
        });
    });
});
port.postMessage('open');
