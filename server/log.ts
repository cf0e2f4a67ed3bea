import pino, { type Logger } from 'pino';

/** JSON lines on standard output, written off the event loop's path and flushed at exit. */
export function openLog(level: string): Logger {
  const destination = pino.destination({ dest: 1, sync: false, minLength: 0 });
  process.on('exit', () => destination.flushSync());
  return pino(
    { level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime },
    destination,
  );
}
