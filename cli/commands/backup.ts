/**
 * `bestow backup`, `bestow backup verify` and `bestow backup call-off`.
 */

import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { type Config, loadConfig } from '../../server/config.ts';
import { dataPaths } from '../../server/data-directory.ts';
import { lockServer } from '../../server/server-lock.ts';
import { callOff, moveAway } from '../../storage/restoration.ts';
import { inspectSnapshot } from '../../storage/snapshot.ts';
import { readArchive, type Sink } from '../backup/archive.ts';
import { readCaOnRecord } from '../backup/ca-on-record.ts';
import { backupSuffix } from '../backup/collect-files.ts';
import { type BackupOrder, createBackup } from '../backup/create-backup.ts';
import type { Manifest } from '../backup/manifest.ts';
import { readNewPassphrase, readPassphrase } from '../backup/passphrase.ts';
import { UnsealError } from '../backup/sealed-file.ts';
import { type DataOption, operator, withData, withJson, withStores } from '../data.ts';
import { CommandError, conflict, exitCodes } from '../exit.ts';
import { print, printFields, printJson } from '../print.ts';

interface BackupOptions extends DataOption {
  readonly passphraseFile: string;
  readonly final?: true;
  readonly json?: true;
}

export function backupCommand(): Command {
  const backup = new Command('backup').description('copy a data directory, and check such copies');
  withJson(withPassphrase(backup.command('create', { isDefault: true })))
    .description(
      'write a copy of the data directory into one encrypted file, beside a running server',
    )
    .argument(
      '<file or directory>',
      'the new file, or a directory, which gets a file with the time in its name',
    )
    .option(
      '--final',
      'the last one, to move elsewhere: with the server stopped; this data directory is closed',
    )
    .action(create);
  withPassphrase(backup.command('verify'))
    .description('read a backup, check all that is in it, and say what it is')
    .argument('<file>', 'a backup')
    .option('--json', 'print JSON')
    .action(verify);
  withData(backup.command('call-off'))
    .description('open a data directory again that --final has closed, since its copy is not used')
    .action(reopen);
  return backup;
}

export function withPassphrase(command: Command): Command {
  return command.requiredOption(
    '--passphrase-file <file>',
    'file with the passphrase of the backup, readable by its owner alone',
  );
}

async function create(place: string, options: BackupOptions): Promise<void> {
  const config = loadConfig(options.data);
  const order = {
    target: targetOf(place),
    passphrase: readNewPassphrase(options.passphraseFile),
    final: options.final === true,
  };
  mkdirSync(dataPaths(config.directory).run, { recursive: true, mode: 0o700 });
  const manifest = await (options.final ? createLast : createOne)(config, order, options);
  if (options.json) return printJson({ file: order.target, ...manifest });
  print(`The backup is in ${order.target}.`);
  for (const sentence of manifest.missing) print(`Not in it: ${sentence}`);
  if (options.final)
    print(
      'This data directory is closed: restore the backup elsewhere with --keep-one-time-passwords, once.',
    );
}

async function createOne(config: Config, order: BackupOrder, options: DataOption) {
  return createBackup(config, await withStores(options, readCaOnRecord), order);
}

async function createLast(config: Config, order: BackupOrder, options: DataOption) {
  const unlock = lockServer(dataPaths(config.directory).serverLock);
  try {
    const ca = await withStores(options, readCaOnRecord);
    const who = { at: new Date(), by: operator() };
    return await moveAway(config.storage, who, () => createBackup(config, ca, order));
  } finally {
    unlock();
  }
}

function targetOf(place: string): string {
  const path = resolve(place);
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return path;
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  return join(path, `bestow-${time}${backupSuffix}`);
}

async function verify(
  file: string,
  options: { passphraseFile: string; json?: true },
): Promise<void> {
  const manifest = await verifyBackup(resolve(file), readPassphrase(options.passphraseFile));
  const { files, keys, missing, ...about } = manifest;
  if (options.json) return printJson(manifest);
  print('The backup is whole, and its database is in order.');
  printFields({
    ...about,
    files: files.length,
    octets: files.reduce((sum, { size }) => sum + size, 0),
    keys: keys.map(({ token, label, id }) => `${label} in ${token} (CKA_ID ${id})`),
  });
  for (const sentence of missing) print(`Not in it: ${sentence}`);
}

const done = async () => undefined;
/** What is read is checked on the way. */
const nowhere: Sink = { writeFile: done, sync: done, close: done };

/** The database is opened for it, in a directory that nobody else can look into. @throws CommandError, DamagedDatabase */
async function verifyBackup(file: string, passphrase: string): Promise<Manifest> {
  const directory = mkdtempSync(join(tmpdir(), 'bestow-verify-'));
  const database = join(directory, 'database');
  try {
    const manifest = await openingBackup(() =>
      readArchive(file, passphrase, async (read) => {
        return async ({ path }) => (path === read.database ? open(database, 'wx', 0o600) : nowhere);
      }),
    );
    inspectSnapshot(database);
    return manifest;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** @throws CommandError notAllowed where the passphrase may be wrong */
export async function openingBackup<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof UnsealError)) throw cause;
    const code = cause.passphrase ? exitCodes.notAllowed : exitCodes.failure;
    throw new CommandError(code, cause.message, { cause });
  }
}

async function reopen(options: DataOption): Promise<void> {
  const { storage } = loadConfig(options.data);
  if (!(await callOff(storage, new Date(), operator())))
    throw conflict('This data directory was not closed by `bestow backup --final`.');
  print('This data directory is open again. The copy must not be used any more.');
}
