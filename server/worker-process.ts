/**
 * The program of an EST worker process; server/workers.ts starts it.
 */

import type { Logger } from 'pino';
import { loadConfig, withListen } from './config.ts';
import type { SignerSockets } from './key-connections.ts';
import { openLog } from './log.ts';
import { type EstWorker, startEstWorker } from './start.ts';
import { WorkerRelay } from './worker-relay.ts';
import type { FromWorker, ToWorker } from './workers.ts';

let worker: EstWorker | undefined;
let logger: Logger | undefined;
const relay = new WorkerRelay(tell);

function tell(message: FromWorker, done?: () => void): void {
  process.send?.(message, undefined, undefined, done);
}

async function start(order: Extract<ToWorker, { kind: 'start' }>): Promise<void> {
  const config = withListen(loadConfig(order.directory), order.listen);
  const log = openLog(config.log.level);
  logger = log;
  const fatal = (error: Error) => {
    log.fatal({ err: error }, 'the EST worker cannot go on');
    process.exit(1);
  };
  worker = await startEstWorker(config, order.sockets, log, fatal, relay.answers);
  const { address, statusAddress } = worker;
  tell({ kind: 'listening', address, ...(statusAddress ? { statusAddress } : {}) });
}

async function follow(sockets: SignerSockets): Promise<void> {
  try {
    await worker?.follow(sockets);
  } catch (error) {
    logger?.error({ err: error }, 'this worker cannot follow the change of the CA');
  }
}

async function stop(): Promise<void> {
  await worker?.stop();
  process.exit(0);
}

process.on('message', (order: ToWorker) => {
  switch (order.kind) {
    case 'stop':
      void stop();
      break;
    case 'follow':
      void follow(order.sockets);
      break;
    case 'start':
      start(order).catch((error: Error) =>
        tell({ kind: 'failed', reason: error.message }, () => process.exit(1)),
      );
      break;
    default:
      relay.receive(order);
  }
});
// The supervisor decides when to stop; a signal to the whole process group must not cut requests short.
process.on('SIGTERM', () => undefined);
process.on('SIGINT', () => undefined);
process.on('disconnect', () => void stop());
