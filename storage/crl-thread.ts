/**
 * Runs in a worker thread: makes CRLs and reads them, with connections of its own, so that neither who enrolls nor the
 * storage thread waits for a million entries. The other side is crl-maker-in-thread.ts.
 */

import { parentPort, workerData } from 'node:worker_threads';
import { CrlMakerHere, type CrlOrder, type ToBeSigned } from '../ca/crl-maker.ts';
import type { CrlRecord, CrlScope } from '../ca/crl-store.ts';
import { GroupCommit } from './group-commit.ts';
import { SqlCrlStore } from './sql-crl-store.ts';
import { StorageUnavailable } from './storage-unavailable.ts';
import type { StorageConfig } from './stores.ts';

export type ToCrlThread =
  | { readonly id: number; readonly kind: 'make'; readonly order: CrlOrder }
  | { readonly id: number; readonly kind: 'newest'; readonly scope: CrlScope }
  | { readonly id: number; readonly kind: 'signed'; readonly signature: Uint8Array }
  | { readonly id: number; readonly kind: 'unsigned' };

export interface ThreadError {
  readonly message: string;
  readonly name: string;
  readonly stack?: string;
  readonly retryAfter?: number;
}

export type FromCrlThread =
  | { readonly id: number; readonly kind: 'sign'; readonly toBeSigned: ToBeSigned }
  | { readonly id: number; readonly kind: 'crl'; readonly crl: CrlRecord | undefined }
  | { readonly id: number; readonly kind: 'failed'; readonly error: ThreadError };

const port = parentPort;
if (!port) throw new Error('The CRL thread was started as a program.');
const { sqlite, busyTimeout } = workerData as StorageConfig;
const maker = new CrlMakerHere(new SqlCrlStore(new GroupCommit({ path: sqlite, busyTimeout })));
/** Signatures that are awaited, by the id of their order. */
const awaited = new Map<number, PromiseWithResolvers<Uint8Array>>();

function tell(message: FromCrlThread, octets?: Uint8Array): void {
  port?.postMessage(message, octets ? [octets.buffer as ArrayBuffer] : []);
}

function sign(id: number, toBeSigned: ToBeSigned): Promise<Uint8Array> {
  const signature = Promise.withResolvers<Uint8Array>();
  awaited.set(id, signature);
  tell({ id, kind: 'sign', toBeSigned }, 'octets' in toBeSigned ? toBeSigned.octets : undefined);
  return signature.promise;
}

async function answer(id: number, work: Promise<CrlRecord | undefined>): Promise<void> {
  try {
    const crl = await work;
    // The octets go over as they are, without a copy.
    tell({ id, kind: 'crl', crl }, crl?.der);
  } catch (error) {
    tell({ id, kind: 'failed', error: described(error) });
  }
}

function described(error: unknown): ThreadError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { name, message, stack = '' } = error;
  const retryAfter = error instanceof StorageUnavailable ? { retryAfter: error.retryAfter } : {};
  return { name, message, stack, ...retryAfter };
}

port.on('message', (message: ToCrlThread) => {
  const { id } = message;
  switch (message.kind) {
    case 'make':
      void answer(
        id,
        maker
          .make(message.order, (toBeSigned) => sign(id, toBeSigned))
          .finally(() => awaited.delete(id)),
      );
      break;
    case 'newest':
      void answer(id, maker.newest(message.scope));
      break;
    case 'signed':
      awaited.get(id)?.resolve(message.signature);
      break;
    case 'unsigned':
      awaited.get(id)?.reject(new Error('There is no signature.'));
      break;
  }
});
