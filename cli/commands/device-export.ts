/** `bestow device export`: the registry as a list that `bestow device import` reads. */

import { Command } from 'commander';
import { stringify } from 'csv-stringify/sync';
import type { Device } from '../../enrollment/device.ts';
import type { Stores } from '../../storage/stores.ts';
import { type DataOption, withJson, withStores } from '../data.ts';
import { contextPrefix, escapeFormula, fixedColumns } from '../order-list/columns.ts';
import { writeSecretFile } from '../pairing/write-secret-file.ts';
import { print, printJson } from '../print.ts';

interface ExportOptions extends DataOption {
  readonly tenant?: string;
  readonly group?: string;
  readonly out: string;
  readonly json?: true;
}

export function deviceExportCommand(): Command {
  return withJson(new Command('export'))
    .description('write the devices as a list (CSV), as `device import` reads it')
    .option('--tenant <id>', 'of this tenant only')
    .option('--group <label>', 'of this group only')
    .requiredOption('--out <file>', 'the file to write; it must not be there')
    .action(exportDevices);
}

async function exportDevices(options: ExportOptions): Promise<void> {
  const devices = await withStores(options, async (stores) => {
    const names = await contextNames(stores, options);
    let count = 0;
    const content = async function* () {
      yield stringify([[...fixedColumns, ...names.map((name) => contextPrefix + name)]]);
      for await (const page of pages(stores, options)) {
        count += page.length;
        yield stringify(page.map((device) => valuesOf(device, names)));
      }
    };
    await writeSecretFile(options.out, content());
    return count;
  });
  if (options.json) printJson({ file: options.out, devices });
  else print(`${devices} device(s) are in ${options.out}.`);
}

const pageSize = 1000;

/** In the order of their ids, each once; what is added meanwhile may be there or not. */
async function* pages(
  { devices }: Pick<Stores, 'devices'>,
  { tenant, group }: ExportOptions,
): AsyncGenerator<Device[]> {
  const filter = {
    ...(tenant === undefined ? {} : { tenant }),
    ...(group === undefined ? {} : { group }),
    limit: pageSize,
  };
  let after = '';
  for (;;) {
    const page = await devices.list({ ...filter, after });
    const last = page.at(-1);
    if (!last) return;
    yield page;
    after = last.id;
  }
}

/** Each name of context is a column, which the heading has to say first. */
async function contextNames(stores: Stores, options: ExportOptions): Promise<string[]> {
  const names = new Set<string>();
  for await (const page of pages(stores, options))
    for (const { context = {} } of page) for (const name of Object.keys(context)) names.add(name);
  return [...names].sort();
}

function valuesOf(device: Device, contextColumns: readonly string[]): string[] {
  const { id, manufacturer, serialNumber, tenant, group, region, site, building } = device;
  return [
    ...[id, manufacturer, serialNumber, tenant, group, region, site, building],
    device.names.join(' '),
    ...contextColumns.map((name) => device.context?.[name]),
  ].map((text) => escapeFormula(text ?? ''));
}
