/**
 * Devices of a list that need not be registered yet, one row after the other.
 */

import { createReadStream, statSync } from 'node:fs';
import { CsvError, parse } from 'csv-parse';
import type { AllocationCase } from '../../enrollment/allocation/allocate.ts';
import { checkDeviceId, checkRegion } from '../../enrollment/device.ts';
import type { Group } from '../../enrollment/group.ts';
import type { Tenant } from '../../enrollment/tenant.ts';
import type { Stores } from '../../storage/stores.ts';
import { notFound, usage } from '../exit.ts';

/** Columns that are read; others, such as `site`, play no part. */
interface Row {
  readonly id?: string;
  readonly group?: string;
  readonly region?: string;
  /** The address it would call from. */
  readonly source?: string;
}

/** What the parser gives with `info`: a record, and how many lines have been read with it. */
interface Read {
  readonly record: Row;
  readonly info: { readonly lines: number };
}

const longestRow = 65_536;

/**
 * @param path of a CSV file with a header; `-` is standard input
 * @param usualGroup of rows that name none
 * @throws CommandError, TypeError with a sentence that names the line
 */
export async function* listedDevices(
  path: string,
  usualGroup: string | undefined,
  stores: Stores,
): AsyncGenerator<AllocationCase> {
  if (path !== '-' && !statSync(path, { throwIfNoEntry: false })?.isFile())
    throw notFound(`There is no file ${path}.`);
  const source = path === '-' ? process.stdin : createReadStream(path);
  const rows = source.pipe(
    parse({
      bom: true,
      info: true,
      columns: (header: string[]) => requireId(header.map((name) => name.trim().toLowerCase())),
      trim: true,
      skip_empty_lines: true,
      max_record_size: longestRow,
    }),
  );
  const groups = new GroupsByLabel(stores);
  source.on('error', (error: Error) => rows.destroy(error));
  try {
    for await (const { record, info } of rows as AsyncIterable<Read>)
      yield await caseOf(record, usualGroup, groups, info.lines);
  } catch (error) {
    if (error instanceof CsvError) throw usage(`${path}: ${error.message}`);
    throw error;
  }
}

function requireId(header: string[]): string[] {
  if (!header.includes('id'))
    throw usage('The list has no column `id`; its first line names the columns.');
  return header;
}

async function caseOf(
  { id = '', group: label = '', region = '', source = '' }: Row,
  usualGroup: string | undefined,
  groups: GroupsByLabel,
  line: number,
): Promise<AllocationCase> {
  const named = label || usualGroup;
  if (named === undefined)
    throw usage(`Line ${line} names no group: give the column \`group\`, or --group.`);
  const { group, tenant } = await groups.find(named);
  try {
    return {
      device: {
        id: checkDeviceId(id),
        tenant: tenant.id,
        group: group.label,
        names: [],
        status: 'active',
        role: 'device',
        ...(region === '' ? {} : { region: checkRegion(region) }),
      },
      tenant,
      group,
      ...(source === '' ? {} : { source }),
    };
  } catch (error) {
    if (error instanceof TypeError) throw usage(`Line ${line}: ${error.message}`);
    throw error;
  }
}

class GroupsByLabel {
  readonly #stores: Stores;
  readonly #known = new Map<string, { group: Group; tenant: Tenant }>();

  constructor(stores: Stores) {
    this.#stores = stores;
  }

  /** @throws CommandError */
  async find(label: string): Promise<{ group: Group; tenant: Tenant }> {
    const known = this.#known.get(label);
    if (known) return known;
    const { tenants } = this.#stores;
    const group = await tenants.groupOf(label);
    const found = group && (await tenants.find(group.tenant));
    if (!group || !found) throw notFound(`There is no group ${label}.`);
    const entry = { group, tenant: found.tenant };
    this.#known.set(label, entry);
    return entry;
  }
}
