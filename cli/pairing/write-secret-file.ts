import { createWriteStream, existsSync, renameSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { conflict } from '../exit.ts';

type Content = AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>;

/** @throws CommandError conflict */
export function refuseExisting(path: string): void {
  if (existsSync(path)) throw conflict(`${path} is there already; it is not replaced.`);
}

/**
 * Writes a file for its owner alone, whole or not at all, piece by piece; what is there already is left as it is.
 * @throws CommandError conflict when the file exists
 */
export async function writeSecretFile(file: string, content: Content): Promise<void> {
  const path = resolve(file);
  refuseExisting(path);
  const draft = `${path}.part`;
  rmSync(draft, { force: true });
  try {
    const stream = createWriteStream(draft, { flags: 'wx', mode: 0o600, flush: true });
    await pipeline(Readable.from(content), stream);
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
