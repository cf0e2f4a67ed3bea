/**
 * CRLs as files, for web servers that are to serve them in place of the status listener: each under the path that its URL
 * has there. Whoever reads one sees the old CRL or the new one.
 */

import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CrlPublisher } from '../ca/crl-publisher.ts';
import type { CrlRecord, CrlScope, ScopeState } from '../ca/crl-store.ts';
import { statusPaths } from './status/locations.ts';

/** Writes a file whole or not at all, and durably. @param time its time of modification */
export async function writeAtomically(path: string, octets: Uint8Array, time: Date): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const unfinished = `${path}.${randomUUID()}.new`;
  try {
    const file = await open(unfinished, 'wx', 0o644);
    try {
      await file.writeFile(octets);
      await file.sync();
    } finally {
      await file.close();
    }
    await utimes(unfinished, time, time);
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** A new name is durable when its directory is. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

export class CrlFiles {
  readonly #directory: string;
  /** Numbers of what was written or seen, by path. */
  readonly #written = new Map<string, number>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Brings the file of a scope up to date, whoever made the CRL. */
  async follow(publisher: Pick<CrlPublisher, 'newest'>, state: ScopeState): Promise<void> {
    const path = this.pathOf(state);
    if ((this.#written.get(path) ?? 0) >= state.newest) return;
    const crl = await publisher.newest(state);
    if (!crl) return;
    if (!(await isNewer(path, crl))) await writeAtomically(path, crl.der, crl.thisUpdate);
    this.#written.set(path, crl.number);
  }

  pathOf({ issuer, partition }: CrlScope): string {
    return join(this.#directory, ...statusPaths.crl(issuer, partition).split('/').slice(2));
  }
}

/** Another worker of this machine may have been faster, with a later one. */
async function isNewer(path: string, { thisUpdate }: CrlRecord): Promise<boolean> {
  try {
    return (await stat(path)).mtime > thisUpdate;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
