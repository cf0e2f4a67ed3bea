/** What keeps devices from being added to the registry, found for many of them at once. */

import type { Kysely } from 'kysely';
import type { NewDevice } from '../enrollment/device-registry.ts';
import { type Group, roleContradiction } from '../enrollment/group.ts';
import type { OrderedDevice, RowRefusal } from '../enrollment/order-lists.ts';
import type { Database } from './database.ts';
import { groupOf } from './rows.ts';

export interface JudgedDevices {
  readonly refusals: readonly RowRefusal[];
  /** The group of each device that can be added. */
  readonly groups: ReadonlyMap<NewDevice, Group>;
}

/** @param ordered devices of different ids, and of different serial numbers of a manufacturer */
export async function judgeDevices(
  db: Kysely<Database>,
  ordered: readonly OrderedDevice[],
): Promise<JudgedDevices> {
  const known = await whatIsKnown(
    db,
    ordered.map(({ device }) => device),
  );
  const refusals: RowRefusal[] = [];
  const groups = new Map<NewDevice, Group>();
  for (const { row, device } of ordered) {
    const judged = judge(device, known);
    if ('reason' in judged) refusals.push({ row, ...judged });
    else groups.set(device, judged);
  }
  return { refusals, groups };
}

type Known = Awaited<ReturnType<typeof whatIsKnown>>;

function judge(device: NewDevice, known: Known): Group | Omit<RowRefusal, 'row'> {
  const { id, tenant, group: label, manufacturer, serialNumber, role = 'device' } = device;
  const owner = known.owners.get(id);
  if (owner !== undefined)
    return { column: 'id', reason: `Device ${id} is registered already, in tenant ${owner}.` };
  const groups = known.groups.get(tenant);
  if (!groups) return { column: 'tenant', reason: `There is no tenant ${tenant}.` };
  const group = label === undefined ? groups[0] : groups.find((each) => each.label === label);
  if (!group) return { column: 'group', reason: `Tenant ${tenant} has no group ${label}.` };
  const contradiction = roleContradiction(role, group);
  if (contradiction) return { column: 'group', reason: contradiction };
  if (manufacturer === undefined) return group;
  if (serialNumber === undefined)
    return { column: 'serial', reason: 'A device of a manufacturer needs its serial number.' };
  const tenants = known.manufacturers.get(manufacturer);
  if (!tenants)
    return { column: 'manufacturer', reason: `There is no manufacturer ${manufacturer}.` };
  if (tenants.length > 0 && !tenants.includes(tenant))
    return {
      column: 'manufacturer',
      reason: `The manufacturer ${manufacturer} is not one for tenant ${tenant}.`,
    };
  const other = known.numbers.get(factoryNumber(manufacturer, serialNumber));
  return other === undefined
    ? group
    : {
        column: 'serial',
        reason: `Device ${other} is the one with the serial number ${serialNumber} of ${manufacturer}.`,
      };
}

function factoryNumber(manufacturer: string, serialNumber: string): string {
  return `${manufacturer}\0${serialNumber}`;
}

async function whatIsKnown(db: Kysely<Database>, devices: readonly NewDevice[]) {
  const ids = devices.map(({ id }) => id);
  const present = await db
    .selectFrom('device')
    .select(['id', 'tenant'])
    .where('id', 'in', ids)
    .execute();
  return {
    owners: new Map(present.map(({ id, tenant }) => [id, tenant])),
    groups: await groupsByTenant(db, [...new Set(devices.map(({ tenant }) => tenant))]),
    ...(await factoryIdentities(db, devices)),
  };
}

/** Each tenant's groups, the first one first. */
async function groupsByTenant(
  db: Kysely<Database>,
  tenants: readonly string[],
): Promise<Map<string, Group[]>> {
  const rows = await db
    .selectFrom('device_group')
    .selectAll()
    .where('tenant', 'in', tenants)
    .orderBy('created_at')
    .execute();
  return Map.groupBy(rows.map(groupOf), ({ tenant }) => tenant);
}

async function factoryIdentities(db: Kysely<Database>, devices: readonly NewDevice[]) {
  const made = devices.filter(({ manufacturer }) => manufacturer !== undefined);
  const byMaker = Map.groupBy(made, ({ manufacturer = '' }) => manufacturer);
  const manufacturers = new Map<string, string[]>();
  const numbers = new Map<string, string>();
  for (const [id, ofMaker] of byMaker) {
    const maker = await db
      .selectFrom('manufacturer')
      .select('tenants')
      .where('id', '=', id)
      .executeTakeFirst();
    if (!maker) continue;
    manufacturers.set(id, JSON.parse(maker.tenants));
    const rows = await db
      .selectFrom('device')
      .select(['id', 'serial_number'])
      .where('manufacturer', '=', id)
      .where(
        'serial_number',
        'in',
        ofMaker.map(({ serialNumber = '' }) => serialNumber),
      )
      .execute();
    for (const row of rows) numbers.set(factoryNumber(id, row.serial_number ?? ''), row.id);
  }
  return { manufacturers, numbers };
}
