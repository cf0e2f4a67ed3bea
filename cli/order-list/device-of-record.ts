import {
  checkContext,
  checkDeviceId,
  checkNames,
  checkPlaceName,
  checkRegion,
  checkSerialNumber,
} from '../../enrollment/device.ts';
import type { NewDevice } from '../../enrollment/device-registry.ts';
import type { RowRefusal } from '../../enrollment/order-lists.ts';
import { contextPrefix, type FixedColumn, type ListRecord } from './columns.ts';

export type Problem = Omit<RowRefusal, 'row'>;

/** What a list leaves open. */
export interface ListDefaults {
  /** Tenants of groups, by label. */
  readonly tenants: ReadonlyMap<string, string>;
  readonly tenant?: string;
  readonly group?: string;
}

/** A row as a device, or all that is wrong with it by itself. */
export function deviceOfRecord(
  record: ListRecord,
  defaults: ListDefaults,
): NewDevice | readonly Problem[] {
  const problems: Problem[] = [];
  const read = <T>(column: FixedColumn | 'context', work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      problems.push({ column, reason: error.message });
      return undefined;
    }
  };
  const checked = (column: FixedColumn, check: (text: string) => string) => {
    const text = record.get(column);
    return text === undefined ? undefined : read(column, () => check(text));
  };
  const id = read('id', () => checkDeviceId(idOf(record)));
  const tenant = read('tenant', () => tenantOf(record, defaults));
  const names = read('names', () => checkNames(record.get('names')?.split(/\s+/) ?? []));
  const context = read('context', () => checkContext(contextOf(record)));
  const rest = {
    group: record.get('group') ?? defaults.group,
    manufacturer: record.get('manufacturer'),
    serialNumber: checked('serial', checkSerialNumber),
    region: checked('region', checkRegion),
    site: checked('site', checkPlaceName),
    building: checked('building', checkPlaceName),
  };
  if (problems.length > 0 || id === undefined || tenant === undefined) return problems;
  const given = Object.fromEntries(Object.entries(rest).filter(([, text]) => text !== undefined));
  const known = context && Object.keys(context).length > 0 ? { context } : {};
  return { id, tenant, names: names ?? [], ...given, ...known };
}

function idOf(record: ListRecord): string {
  const [id, manufacturer, serial] = (['id', 'manufacturer', 'serial'] as const).map((column) =>
    record.get(column),
  );
  if (id !== undefined) return id;
  if (manufacturer === undefined || serial === undefined)
    throw new TypeError('The row has neither an id nor manufacturer and serial to make it from.');
  return `${manufacturer}-${serial}`;
}

/** As for `device add`: what the row says, else the group's, else what holds for the whole list. */
function tenantOf(record: ListRecord, { tenants, tenant, group }: ListDefaults): string {
  const named = record.get('tenant') ?? tenants.get(record.get('group') ?? group ?? '') ?? tenant;
  if (named === undefined)
    throw new TypeError('The row names no tenant, and there are several; --tenant says which.');
  return named;
}

function contextOf(record: ListRecord): Record<string, string> {
  return Object.fromEntries(
    [...record]
      .filter(([column]) => column.startsWith(contextPrefix))
      .map(([column, text]) => [column.slice(contextPrefix.length), text]),
  );
}
