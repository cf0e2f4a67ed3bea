/** `bestow pair`: a code that a person carries to a device. */

import { Command } from 'commander';
import { mostPairingFailures, type PairingCodeKind } from '../../enrollment/pairing-code.ts';
import type { Config } from '../../server/config.ts';
import type { Stores } from '../../storage/stores.ts';
import { type DataOption, operator, withJson, withStores } from '../data.ts';
import { conflict, notFound } from '../exit.ts';
import { type MadePairing, preparePairing, requirePairing } from '../pairing/make-pairing.ts';
import { qrInTerminal, qrPng, qrSvg } from '../pairing/qr-code.ts';
import { refuseExisting, writeSecretFile } from '../pairing/write-secret-file.ts';
import { print, printFields, printJson } from '../print.ts';

interface PairOptions extends DataOption {
  readonly long?: true;
  readonly ttl?: string;
  readonly server?: string;
  readonly forgetFailures?: true;
  readonly qr?: true;
  readonly svg?: string;
  readonly png?: string;
  readonly json?: true;
}

export function pairCommand(): Command {
  return withJson(new Command('pair'))
    .description('make a pairing code for a device and print it, once; earlier codes of it end')
    .argument('<device>', 'its id')
    .option('--long', '16 symbols instead of 11 digits: good for days, and without a user name')
    .option('--ttl <duration>', 'how long it can be used (usually 15m, with --long 7d)')
    .option('--server <host:port>', 'where the device reaches the server, for the QR code')
    .option('--forget-failures', 'count failed codes for the device anew')
    .option('--qr', 'print a QR code')
    .option('--svg <file>', 'write the QR code as SVG')
    .option('--png <file>', 'write the QR code as PNG')
    .action(pair);
}

async function pair(device: string, options: PairOptions): Promise<void> {
  for (const file of [options.svg, options.png]) if (file !== undefined) refuseExisting(file);
  const { record, label } = await withStores(options, (stores, config) =>
    createPairing(stores, config, { device, ...options }),
  );
  const { code, uri, expiresAt } = label;
  if (options.svg !== undefined) await writeSecretFile(options.svg, [qrSvg(uri)]);
  if (options.png !== undefined) await writeSecretFile(options.png, [qrPng(uri)]);
  const shown = { id: record.id, device, code, expiresAt, uri };
  if (options.json) return printJson({ ...shown, kind: record.kind });
  printFields(shown);
  if (options.qr) print(qrInTerminal(uri));
  print(
    'The code is shown this once. The device sends it as HTTP Basic password, with its id as user name, or in otpChallenge.',
  );
}

async function createPairing(
  stores: Stores,
  config: Config,
  order: PairOptions & { device: string },
): Promise<MadePairing> {
  const found = await stores.devices.find(order.device);
  if (!found)
    throw notFound(`There is no device ${order.device}; \`bestow device add\` registers one.`);
  requirePairing(found.group);
  const { oneTimePasswords } = stores;
  const kind: PairingCodeKind = order.long ? 'long-pairing-code' : 'numeric-pairing-code';
  const make = await preparePairing(stores, config, { ...order, kind });
  if (order.forgetFailures)
    await oneTimePasswords.forgetPairingFailures(order.device, operator(), new Date());
  else if ((await oneTimePasswords.pairingFailures(order.device)) >= mostPairingFailures)
    throw conflict(
      `${mostPairingFailures} codes failed for device ${order.device}, and no code of it is taken any more. Find out who tried, then give --forget-failures.`,
    );
  const made = make(found.device, found.group);
  await oneTimePasswords.create(made.record);
  return made;
}
