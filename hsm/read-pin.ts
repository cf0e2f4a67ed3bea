/**
 * Reads the user PIN from where the configuration says, and from nowhere else.
 */
import { closeSync, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import type { PinSource } from './token-config.ts';
import { TokenFault } from './token-fault.ts';

/** No token takes a longer PIN; a larger file is not a PIN file. */
const maxPinBytes = 255;

/**
 * The PIN, without the line end of its file.
 * @throws TokenFault `config` when it cannot be read, is empty, or others could read it too;
 *   the sentence never holds any of the PIN
 */
export function readPin(source: PinSource, environment: NodeJS.ProcessEnv = process.env): string {
  const name = describePinSource(source);
  const pin = 'file' in source ? readPinFile(source.file) : (environment[source.env] ?? '');
  if (pin === '') throw new TokenFault('config', `${name} is empty or not set`);
  if (Buffer.byteLength(pin) > maxPinBytes || /[\0\r\n]/.test(pin)) {
    throw new TokenFault('config', `${name} must hold one line of at most ${maxPinBytes} bytes`);
  }
  return pin;
}

/** How sentences name a PIN source. */
export function describePinSource(source: PinSource): string {
  return 'file' in source ? `PIN file ${source.file}` : `PIN variable ${source.env}`;
}

function readPinFile(path: string): string {
  const descriptor = openPinFile(path);
  try {
    // Asked of the open file, so that it cannot be exchanged between check and use.
    const problem = pinFileProblem(fstatSync(descriptor));
    if (problem !== undefined) throw new TokenFault('config', `PIN file ${path} ${problem}`);
    return readFileSync(descriptor, 'utf8').replace(/\r?\n$/, '');
  } finally {
    closeSync(descriptor);
  }
}

function openPinFile(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new TokenFault('config', `PIN file ${path} cannot be opened (${code})`);
  }
}

function pinFileProblem(stats: Stats): string | undefined {
  const mode = stats.mode & 0o7777;
  if (!stats.isFile()) return 'is not a regular file';
  if (mode !== 0o600 && mode !== 0o400) {
    return `has mode 0${mode.toString(8)}; others must not read it: chmod 0600 (or 0400)`;
  }
  if (stats.size > maxPinBytes + 2) return 'is too large to be a PIN';
  return undefined;
}
