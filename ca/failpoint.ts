/**
 * Places where tests end the process as a power cut would, to see what is left on record.
 * Without BESTOW_FAILPOINT in the environment at start they do nothing.
 */

/** The arrows of the order of writes (docs/order-of-writes.md). */
export type Failpoint =
  | 'decided'
  | 'intent-recorded'
  | 'signed'
  | 'certificate-checked'
  | 'certificate-recorded';

const armed = process.env.BESTOW_FAILPOINT;

export function failpoint(name: Failpoint): void {
  if (armed === name) process.kill(process.pid, 'SIGKILL');
}
