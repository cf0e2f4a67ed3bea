/** `bestow label`: a sheet of labels with pairing codes. */

import { Command } from 'commander';
import type { Config } from '../../server/config.ts';
import type { Stores } from '../../storage/stores.ts';
import { type DataOption, withJson, withStores } from '../data.ts';
import { notFound, usage } from '../exit.ts';
import { labelSheet, sheetFormOf } from '../pairing/label-sheet.ts';
import { type MadePairing, preparePairing } from '../pairing/make-pairing.ts';
import { writeSecretFile } from '../pairing/write-secret-file.ts';
import { print, printJson } from '../print.ts';

interface LabelOptions extends DataOption {
  readonly devices: readonly string[];
  readonly out: string;
  readonly ttl?: string;
  readonly server?: string;
  readonly json?: true;
}

export function labelCommand(): Command {
  return withJson(new Command('label'))
    .description('print a sheet of labels: device id, long pairing code, QR code')
    .requiredOption('--devices <ids...>', 'the devices, with blanks or commas between them')
    .requiredOption('--out <file>', 'the sheet to write: .html (A4, 24 labels a page) or .svg')
    .option('--ttl <duration>', 'how long the codes can be used', '7d')
    .option('--server <host:port>', 'where the devices reach the server')
    .action(label);
}

async function label(options: LabelOptions): Promise<void> {
  const form = sheetFormOf(options.out);
  const devices = [...new Set(options.devices.flatMap((ids) => ids.split(',')).filter(Boolean))];
  if (devices.length === 0) throw usage('Name at least one device.');
  await withStores(options, async (stores, config) => {
    const pairings = await makePairings(stores, config, devices, options);
    // Codes that are on no label are of no use to anybody: they are stored first, and end by themselves.
    for (const { record } of pairings) await stores.oneTimePasswords.create(record);
    const labels = (async function* () {
      for (const pairing of pairings) yield pairing.label;
    })();
    await writeSecretFile(options.out, labelSheet(labels, form, pairings.length));
  });
  if (options.json) printJson({ file: options.out, devices });
  else
    print(
      `${devices.length} label(s) are in ${options.out}. Whoever reads the file can enroll as these devices: print it, and remove it.`,
    );
}

async function makePairings(
  stores: Stores,
  config: Config,
  devices: readonly string[],
  options: LabelOptions,
): Promise<MadePairing[]> {
  const make = await preparePairing(stores, config, { ...options, kind: 'long-pairing-code' });
  const pairings: MadePairing[] = [];
  for (const id of devices) {
    const found = await stores.devices.find(id);
    if (!found) throw notFound(`There is no device ${id}.`);
    pairings.push(make(found.device, found.group));
  }
  return pairings;
}
