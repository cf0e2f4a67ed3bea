/** `bestow device import`: a list of devices from a manufacturer or an ERP system. */

import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import type { OrderListProgress } from '../../enrollment/order-lists.ts';
import type { Config } from '../../server/config.ts';
import type { OpenStores, Stores } from '../../storage/stores.ts';
import { readNewPassphrase } from '../backup/passphrase.ts';
import { type DataOption, operator, withJson, withStores } from '../data.ts';
import { conflict, exitCodes, notFound, usage } from '../exit.ts';
import type { ListDefaults } from '../order-list/device-of-record.ts';
import { openErrorsFile, sayErrors } from '../order-list/errors-file.ts';
import { type ImportCount, importList } from '../order-list/import-list.ts';
import { writeLabels, writePasswords } from '../order-list/make-credentials.ts';
import { progressLine } from '../order-list/progress-line.ts';
import { digestOf, type ListFile } from '../order-list/read-list.ts';
import { sheetFormOf } from '../pairing/label-sheet.ts';
import { refuseExisting } from '../pairing/write-secret-file.ts';
import { print, printJson } from '../print.ts';

interface ImportOptions extends DataOption {
  readonly dryRun?: true;
  readonly resume?: true;
  readonly errors?: string;
  readonly tenant?: string;
  readonly group?: string;
  readonly ignoreUnknown?: true;
  readonly delimiter: string;
  readonly createPasswords?: true;
  readonly passphraseFile?: string;
  readonly out?: string;
  readonly labels?: string;
  readonly ttl?: string;
  readonly server?: string;
  readonly json?: true;
}

export function deviceImportCommand(): Command {
  return withJson(new Command('import'))
    .description('register the devices of a list (CSV); rows that cannot be are reported')
    .argument('<file>', 'columns: id or manufacturer and serial, and others: see docs/operation.md')
    .option('--dry-run', 'change nothing, report what would be refused')
    .option('--resume', 'go on with a list that was cut short')
    .option('--errors <file>', 'write refused rows there: row, column, reason')
    .option('--tenant <id>', 'tenant of rows that name none, nor a group')
    .option('--group <label>', 'group of rows that name none')
    .option('--ignore-unknown', 'leave out columns that are not known')
    .option('--delimiter <character>', 'between values', ',')
    .option('--create-passwords', 'make a one-time password for each device of the list')
    .option('--passphrase-file <file>', 'passphrase to encrypt the passwords with')
    .option('--out <file>', 'where the encrypted passwords go; `bestow open` opens it')
    .option('--labels <file>', 'or a sheet of labels with pairing codes: .html or .svg')
    .option('--ttl <duration>', 'how long passwords or codes can be used', '30d')
    .option('--server <host:port>', 'for labels: where the devices reach the server')
    .action(importDevices);
}

async function importDevices(path: string, options: ImportOptions): Promise<void> {
  const credentials = credentialsOrder(options);
  if (!statSync(path, { throwIfNoEntry: false })?.isFile())
    throw notFound(`There is no file ${path}.`);
  if (options.errors !== undefined && resolve(options.errors) === resolve(path))
    throw usage('--errors would be written over the list itself.');
  if (options.delimiter.length !== 1) throw usage('--delimiter is one character.');
  const file = {
    path,
    delimiter: options.delimiter,
    ignoreUnknown: options.ignoreUnknown === true,
  };
  const digest = await digestOf(path);
  const count = await withStores(options, async (stores, config) => {
    const counted = await register(stores, { file, digest }, options);
    if (!options.dryRun) await credentials?.(stores, config, digest, counted.added);
    return counted;
  });
  if (options.json) printJson({ list: digest, ...count, dryRun: options.dryRun === true });
  else
    print(
      `${count.added} device(s) ${options.dryRun ? 'would be' : 'are'} registered, ${count.refused} row(s) ${options.dryRun ? 'would be' : 'are'} refused.`,
    );
  if (count.refused > 0) process.exitCode = exitCodes.failure;
}

type WriteCredentials = (
  stores: OpenStores,
  config: Config,
  digest: string,
  count: number,
) => Promise<void>;

/** What is wrong with the options is said before anything is done. @throws CommandError */
function credentialsOrder(options: ImportOptions): WriteCredentials | undefined {
  const { createPasswords, labels, out, passphraseFile, ttl = '30d', server } = options;
  if (createPasswords && labels !== undefined)
    throw usage('--create-passwords and --labels exclude each other: one credential for a device.');
  if (createPasswords) {
    if (out === undefined || passphraseFile === undefined)
      throw usage('--create-passwords needs --out and --passphrase-file.');
    refuseExisting(resolve(out));
    const order = { file: out, passphrase: readNewPassphrase(passphraseFile), ttl };
    return once((stores, config, digest) => writePasswords(stores, config, digest, order));
  }
  if (labels === undefined) return undefined;
  sheetFormOf(labels);
  refuseExisting(resolve(labels));
  const order = { file: labels, ttl, ...(server === undefined ? {} : { server }) };
  return once((stores, config, digest, count) =>
    writeLabels(stores, config, digest, { ...order, count }),
  );
}

/** What is in somebody's hands is not made worthless by making it again. */
function once(write: WriteCredentials): WriteCredentials {
  return async (stores, config, digest, count) => {
    const { orderLists } = stores;
    const made = (await orderLists.find(digest))?.credentialsAt;
    if (made)
      throw conflict(
        `Passwords or codes for this list were made at ${made.toISOString()}; make others for single devices.`,
      );
    await write(stores, config, digest, count);
    await orderLists.finishCredentials(digest, operator(), new Date());
  };
}

async function register(
  { orderLists, tenants }: Stores,
  { file, digest }: { file: ListFile; digest: string },
  options: ImportOptions,
): Promise<ImportCount> {
  const defaults = await defaultsOf(tenants, options);
  const list = options.dryRun ? undefined : await beginOrGoOn(orderLists, digest, options);
  if (list?.finishedAt) return countOf(list);
  const say = (sentence: string) => void process.stderr.write(`${sentence}\n`);
  const errors =
    options.errors === undefined
      ? sayErrors(say)
      : openErrorsFile(options.errors, list?.errorsLength ?? 0);
  const line = progressLine(file.path);
  try {
    const order = { file, defaults, errors, list, progress: line.at };
    const count = await importList(orderLists, order);
    if (list) await orderLists.finish(digest, operator(), new Date());
    return countOf(count);
  } finally {
    line.end();
    errors.close();
  }
}

function countOf({ row, added, refused }: ImportCount): ImportCount {
  return { row, added, refused };
}

async function beginOrGoOn(
  orderLists: Stores['orderLists'],
  digest: string,
  { resume }: ImportOptions,
): Promise<OrderListProgress> {
  const known = await orderLists.find(digest);
  if (known && !resume)
    throw conflict(
      known.finishedAt
        ? `This list was imported at ${known.finishedAt.toISOString()}: ${known.added} device(s), ${known.refused} row(s) refused.`
        : `The import of this list was cut short after row ${known.row}; --resume goes on with it.`,
    );
  return known ?? orderLists.begin(digest, operator(), new Date());
}

/** The tenant is as for `device add`: the one named, the only one there is, or `default`. */
async function defaultsOf(
  tenants: Stores['tenants'],
  { tenant, group }: ImportOptions,
): Promise<ListDefaults> {
  const groups = await tenants.groups({});
  const ids = (await tenants.list()).map(({ id }) => id);
  if (tenant !== undefined && !ids.includes(tenant))
    throw notFound(`There is no tenant ${tenant}.`);
  const usual = ids.length === 1 ? ids[0] : ids.find((id) => id === 'default');
  const chosen = tenant ?? usual;
  return {
    tenants: new Map(groups.map(({ label, tenant: owner }) => [label, owner])),
    ...(chosen === undefined ? {} : { tenant: chosen }),
    ...(group === undefined ? {} : { group }),
  };
}
