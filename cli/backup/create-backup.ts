/**
 * Takes a backup beside a running server: files and database as they are at one moment.
 */

import { readdirSync, rmSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import type { Config } from '../../server/config.ts';
import { dataPaths } from '../../server/data-directory.ts';
import { takeSnapshot } from '../../storage/snapshot.ts';
import { CommandError, exitCodes } from '../exit.ts';
import { measure, type SourceFile, writeArchive } from './archive.ts';
import type { CaOnRecord } from './ca-on-record.ts';
import { collectFiles, isInside } from './collect-files.ts';
import type { Manifest } from './manifest.ts';
import { missingParts } from './missing.ts';

export interface BackupOrder {
  readonly target: string;
  readonly passphrase: string;
  /** The server was stopped, and does not run again on this directory. */
  readonly final: boolean;
}

/** Files change when an operator makes a key or a certificate: seldom, and never for long. */
const attempts = 5;
/** Where the database goes in the backup of a data directory whose database is somewhere else. */
const databaseElsewhere = 'bestow.db';

/** @returns what the backup says of itself */
export async function createBackup(
  config: Config,
  { keys, rootFingerprints }: CaOnRecord,
  { target, passphrase, final }: BackupOrder,
): Promise<Omit<Manifest, 'files'>> {
  const { run } = dataPaths(config.directory);
  clearAway(run);
  const copy = join(run, `snapshot-${process.pid}.db`);
  try {
    const { files, schema, takenAt } = consistentCopy(config, copy);
    const database = databaseSource(config, copy, await measure(copy));
    const manifest: Omit<Manifest, 'files'> = {
      format: 1,
      takenAt: takenAt.toISOString(),
      final,
      schema,
      rootFingerprints: [...rootFingerprints],
      database: database.path,
      keys: [...keys],
      missing: missingParts(config, keys),
    };
    await writeArchive(target, { manifest, files: [...files, database] }, passphrase);
    return manifest;
  } finally {
    rmSync(copy, { force: true });
  }
}

/** What a backup left that was ended amid its work: it is as large as the database, and not encrypted. */
function clearAway(run: string): void {
  for (const name of readdirSync(run)) {
    const [, pid] = /^snapshot-(\d+)\.db/.exec(name) ?? [];
    if (pid !== undefined && !isRunning(Number(pid))) rmSync(join(run, name), { force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/**
 * The files are read before and after the database is copied, until nothing has changed between: then both are as they
 * were at the moment of the copy. Its time is that of its beginning, so that nothing after it is taken for known.
 */
function consistentCopy(
  config: Config,
  copy: string,
): { files: SourceFile[]; schema: string; takenAt: Date } {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const before = collectFiles(config);
    rmSync(copy, { force: true });
    const takenAt = new Date();
    const { schema } = takeSnapshot(
      { path: config.storage.sqlite, busyTimeout: config.storage.busyTimeout },
      copy,
    );
    if (sameFiles(before, collectFiles(config))) return { files: before, schema, takenAt };
  }
  throw new CommandError(
    exitCodes.unavailable,
    `The files in ${config.directory} changed while they were copied, ${attempts} times; try again.`,
  );
}

function sameFiles(a: readonly SourceFile[], b: readonly SourceFile[]): boolean {
  const digests = (files: readonly SourceFile[]) =>
    files.map(({ path, sha256 }) => `${path} ${sha256}`).join('\n');
  return digests(a) === digests(b);
}

function databaseSource(
  { directory, storage: { sqlite } }: Config,
  file: string,
  measured: Awaited<ReturnType<typeof measure>>,
): SourceFile {
  const path = isInside(directory, sqlite)
    ? relative(directory, sqlite).split(sep).join('/')
    : databaseElsewhere;
  return { path, mode: 0o600, ...measured, content: { file } };
}
