/**
 * The marker that keeps a refused PIN from being tried again: tokens lock after a few tries, and
 * a service that restarts would use them up by itself.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { describePinSource } from './read-pin.ts';
import type { PinSource } from './token-config.ts';
import { TokenFault } from './token-fault.ts';

/**
 * Refuses to go on while the marker stands: until the PIN file is written anew, or, for a PIN
 * from the environment (whose age nobody knows), until the operator deletes the marker.
 * @throws TokenFault `credential`
 */
export function assertPinNotRefused(marker: string, source: PinSource): void {
  const refusedAt = modifiedAt(marker);
  if (refusedAt === undefined) return;
  if ('file' in source) {
    const writtenAt = modifiedAt(source.file);
    if (writtenAt !== undefined && writtenAt > refusedAt) return;
  }
  throw new TokenFault(
    'credential',
    `the token refused this PIN before and it is not tried again; ${remedy(marker, source)}`,
  );
}

/** Leaves the marker, on disk before this returns. @param cause the answer of the token */
export function recordPinRefusal(marker: string, source: PinSource, cause: string): void {
  mkdirSync(dirname(marker), { recursive: true, mode: 0o700 });
  const descriptor = openSync(marker, 'w', 0o600);
  try {
    const sentence = `The token refused the PIN from ${describePinSource(source)}: ${cause}.`;
    writeSync(descriptor, `${sentence}\nTo go on, ${remedy(marker, source)}.\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Takes the marker away once a login has succeeded. */
export function forgetPinRefusal(marker: string): void {
  rmSync(marker, { force: true });
}

/** What the operator has to do, as the end of a sentence. */
export function remedy(marker: string, source: PinSource): string {
  const correct =
    'file' in source ? `write the right PIN into ${source.file}` : `set ${source.env} rightly`;
  const release = 'file' in source ? `or, if the PIN is right, delete` : `and delete`;
  return `check with the token's own tool that the PIN is not locked, then ${correct}, ${release} ${marker}`;
}

function modifiedAt(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.mtimeNs;
}
