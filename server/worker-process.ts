/**
 * The program of an EST worker process; server/workers.ts starts it.
 */

import { loadConfig, withListen } from './config.ts';
import { openLog } from './log.ts';
import { type EstWorker, startEstWorker } from './start.ts';
import type { FromWorker, ToWorker } from './workers.ts';

let worker: EstWorker | undefined;

function tell(message: FromWorker, done?: () => void): void {
  process.send?.(message, undefined, undefined, done);
}

async function start(order: Extract<ToWorker, { kind: 'start' }>): Promise<void> {
  const config = withListen(loadConfig(order.directory), order.listen);
  const logger = openLog(config.log.level);
  worker = await startEstWorker(config, order.signerSocket, logger, (error) => {
    logger.fatal({ err: error }, 'the EST worker cannot go on');
    process.exit(1);
  });
  tell({ kind: 'listening', address: worker.address });
}

async function stop(): Promise<void> {
  await worker?.stop();
  process.exit(0);
}

process.on('message', (order: ToWorker) => {
  if (order.kind === 'stop') void stop();
  else
    start(order).catch((error: Error) =>
      tell({ kind: 'failed', reason: error.message }, () => process.exit(1)),
    );
});
// The supervisor decides when to stop; a signal to the whole process group must not cut requests short.
process.on('SIGTERM', () => undefined);
process.on('SIGINT', () => undefined);
process.on('disconnect', () => void stop());
