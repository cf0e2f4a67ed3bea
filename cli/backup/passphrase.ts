import { resolve } from 'node:path';
import { readSecret } from '../../server/config.ts';
import { usage } from '../exit.ts';

const shortest = 16;

/** The passphrase in a file that its owner alone can read. @throws CommandError, Error */
export function readPassphrase(file: string): string {
  return readSecret({ file: resolve(file) }, 'passphrase of the backup');
}

/** One to seal a new backup with. @throws CommandError where it is short: the file may be in others' hands for years */
export function readNewPassphrase(file: string): string {
  const passphrase = readPassphrase(file);
  if (passphrase.length < shortest)
    throw usage(
      `The passphrase in ${file} has ${passphrase.length} characters; it needs ${shortest}: openssl rand -base64 32 makes one.`,
    );
  return passphrase;
}
