/**
 * EST workers as processes that share one listening socket. One that ends is replaced; the signer and the database
 * outlive it.
 */

import cluster, { type Worker } from 'node:cluster';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import type { SignerSockets } from './key-connections.ts';
import { AnswerRelay, type RelayMessage } from './relay-answers.ts';

export interface WorkerStart {
  readonly config: Config;
  readonly sockets: SignerSockets;
  readonly logger: Logger;
  readonly fatal: (error: Error) => void;
}

/** Where workers listen: for devices, and for relying parties where they do. */
export interface Addresses {
  readonly address: AddressInfo;
  readonly statusAddress?: AddressInfo;
}

/** What the supervisor and a worker say to each other. */
export type ToWorker =
  | {
      readonly kind: 'start';
      readonly directory: string;
      readonly sockets: SignerSockets;
      readonly listen: string;
    }
  | { readonly kind: 'follow'; readonly sockets: SignerSockets }
  | { readonly kind: 'stop' }
  | RelayMessage;
export type FromWorker =
  | ({ readonly kind: 'listening' } & Addresses)
  | { readonly kind: 'failed'; readonly reason: string }
  | RelayMessage;

const restartDelayMs = 1000;

/** Starts the workers; resolves when each one listens. @throws Error with the reason of the first that does not */
export async function startWorkers(
  count: number,
  start: WorkerStart,
): Promise<Addresses & Pick<WorkerPool, 'follow' | 'stop'>> {
  // Workers accept for themselves: to pass each connection on would cost as much as the TLS handshake's arithmetic.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({
    exec: new URL('./worker-process.ts', import.meta.url).pathname,
    // Octets pass as octets.
    serialization: 'advanced',
  });
  const pool = new WorkerPool(start);
  // Port 0 means one free port for all: node:cluster gives the same socket to those who ask for the same address.
  const [addresses] = await Promise.all(Array.from({ length: count }, () => pool.add()));
  if (!addresses) throw new RangeError('There must be at least one worker.');
  return { ...addresses, follow: (sockets) => pool.follow(sockets), stop: () => pool.stop() };
}

class WorkerPool {
  readonly #start: WorkerStart;
  readonly #workers = new Set<Worker>();
  readonly #relay = new AnswerRelay(() => this.#workers);
  #sockets: SignerSockets;
  #stopping = false;

  constructor(start: WorkerStart) {
    this.#start = start;
    this.#sockets = start.sockets;
  }

  add(): Promise<Addresses> {
    const worker = cluster.fork();
    this.#workers.add(worker);
    return new Promise((resolve, reject) => {
      let serving = false;
      worker.on('online', () => worker.send(this.#orders()));
      worker.on('message', (message: FromWorker) => {
        switch (message.kind) {
          case 'failed':
            return reject(new Error(message.reason));
          case 'listening':
            serving = true;
            return resolve(message);
          default:
            return this.#relay.receive(message, worker);
        }
      });
      worker.on('exit', (code, signal) => {
        this.#workers.delete(worker);
        this.#relay.forget(worker);
        reject(new Error(`An EST worker ended with ${signal ?? code} before it listened.`));
        if (serving) this.#replace(signal ?? code);
      });
    });
  }

  /** Tells the workers that the CA has changed; each says in the log when it cannot follow. */
  async follow(sockets: SignerSockets): Promise<void> {
    this.#sockets = sockets;
    for (const worker of this.#workers)
      if (worker.isConnected()) worker.send({ kind: 'follow', sockets } satisfies ToWorker);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(
      [...this.#workers].map(
        (worker) =>
          new Promise<void>((resolve) => {
            worker.once('exit', () => resolve());
            worker.send({ kind: 'stop' } satisfies ToWorker);
          }),
      ),
    );
  }

  #orders(): ToWorker {
    const { config } = this.#start;
    const { host, port } = config.est.listen;
    const listen = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    return { kind: 'start', directory: config.directory, sockets: this.#sockets, listen };
  }

  #replace(end: string | number): void {
    if (this.#stopping) return;
    const { logger, fatal } = this.#start;
    logger.error({ end }, 'an EST worker ended; another takes its place');
    setTimeout(() => {
      if (!this.#stopping) this.add().catch(fatal);
    }, restartDelayMs);
  }
}
