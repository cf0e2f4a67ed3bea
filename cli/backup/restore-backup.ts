/**
 * Puts a backup into an empty directory and makes it fit to go on from. Until that is done, the database does not stand
 * where a server would find it; when anything fails, nothing is left.
 */

import {
  copyFileSync,
  existsSync,
  constants as fs,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type PublishedCrl, readCrls } from '../../ca/read-crl.ts';
import { type Config, loadConfig } from '../../server/config.ts';
import { dataPaths } from '../../server/data-directory.ts';
import { type TakenOver, takeOverRevocations } from '../../storage/adoption.ts';
import { openRestoration, type Restored, restoreSafely } from '../../storage/restoration.ts';
import { inspectSnapshot } from '../../storage/snapshot.ts';
import { storesOver } from '../../storage/stores.ts';
import { CommandError, conflict, exitCodes } from '../exit.ts';
import { type Place, readArchive } from './archive.ts';
import { readCaOnRecord } from './ca-on-record.ts';
import { isInside } from './collect-files.ts';
import type { Manifest } from './manifest.ts';

export interface RestoreOrder {
  readonly backup: string;
  readonly directory: string;
  readonly passphrase: string;
  /** Published CRLs, DER. */
  readonly crls: readonly Uint8Array[];
  readonly keepOneTimePasswords: boolean;
  /** Who restores, for the audit log. */
  readonly by: string;
}

export interface RestoredBackup {
  readonly manifest: Manifest;
  readonly restored: Restored;
  readonly crls: readonly (TakenOver & Pick<PublishedCrl, 'number' | 'thisUpdate'>)[];
}

const unready = 'restoring.db';

/** @throws CommandError, UnsealError, DamagedDatabase, SchemaError, CrlUnreadable */
export async function restoreBackup(order: RestoreOrder): Promise<RestoredBackup> {
  const { directory } = order;
  requireEmpty(directory);
  const made = !existsSync(directory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  try {
    return await restore(order);
  } catch (error) {
    const parts = made ? [directory] : contents(directory).map((name) => join(directory, name));
    for (const part of parts) rmSync(part, { recursive: true, force: true });
    throw error;
  }
}

async function restore(order: RestoreOrder): Promise<RestoredBackup> {
  const { directory, backup, passphrase } = order;
  const manifest = await readArchive(backup, passphrase, async (read) => {
    requireLastCopy(read, order);
    return placesIn(directory, read);
  });
  const copy = join(directory, unready);
  inspectSnapshot(copy);
  mkdirSync(dataPaths(directory).run, { mode: 0o700 });
  const config = loadConfig(directory);
  const done = await makeSafe(
    { ...config, storage: { ...config.storage, sqlite: copy } },
    manifest,
    order,
  );
  putDatabase(copy, config);
  return { manifest, ...done };
}

const contents = (directory: string) =>
  readdirSync(directory).filter((name) => name !== 'lost+found');

function requireEmpty(directory: string): void {
  if (existsSync(directory) && contents(directory).length > 0)
    throw conflict(`${directory} is not empty; a backup is restored into an empty directory only.`);
}

function requireLastCopy({ final }: Manifest, { keepOneTimePasswords }: RestoreOrder): void {
  if (keepOneTimePasswords && !final)
    throw new CommandError(
      exitCodes.usage,
      'This backup was not taken with --final: the server went on, so one-time passwords in it may be spent by now and cannot be kept.',
    );
}

function placesIn(directory: string, { database }: Manifest): Place {
  return async ({ path, mode }) => {
    const target = join(directory, path === database ? unready : path);
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    return open(target, 'wx', mode | 0o600);
  };
}

async function makeSafe(
  config: Config,
  { takenAt }: Manifest,
  { by, crls, keepOneTimePasswords }: RestoreOrder,
): Promise<Omit<RestoredBackup, 'manifest'>> {
  const now = { at: new Date(), by };
  const { transactions, close } = await openRestoration(config.storage);
  try {
    const restored = await restoreSafely(transactions, {
      ...now,
      takenAt: new Date(takenAt),
      nothingHappenedSince: keepOneTimePasswords,
    });
    const { issuers } = await readCaOnRecord(storesOver(transactions, config.est.failures));
    const taken: RestoredBackup['crls'][number][] = [];
    for (const crl of readCrls(crls, issuers))
      taken.push({
        ...(await takeOverRevocations(transactions, crl, now)),
        number: crl.number,
        thisUpdate: crl.thisUpdate,
      });
    return { restored, crls: taken };
  } finally {
    await close();
  }
}

/** @throws CommandError where there is another database already, outside of the directory */
function putDatabase(copy: string, { directory, storage: { sqlite } }: Config): void {
  if (existsSync(`${copy}-wal`)) throw new Error('The database was not closed.');
  if (existsSync(sqlite))
    throw conflict(`bestow.yaml names the database ${sqlite}, which is there already.`);
  if (isInside(directory, sqlite)) renameSync(copy, sqlite);
  else {
    copyFileSync(copy, sqlite, fs.COPYFILE_EXCL);
    rmSync(copy);
  }
}
