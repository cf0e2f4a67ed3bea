import type { Kysely } from 'kysely';
import { checkContext, type Device, type PlaceChange } from '../enrollment/device.ts';
import type {
  DeviceAddition,
  DeviceRegistry,
  ForeignKey,
  KnownDevice,
  NewDevice,
} from '../enrollment/device-registry.ts';
import { type Group, roleContradiction } from '../enrollment/group.ts';
import { audit } from './audit-trail.ts';
import type { Database } from './database.ts';
import { deviceByFirstKey, reportForeignKey, resetFirstKey } from './first-keys.ts';
import { announce, eventSubject } from './outbox.ts';
import { revokeWhatIsLeft } from './revocation.ts';
import { deviceOf, groupOf, tenantOf } from './rows.ts';
import { forgetApprovals } from './sql-approvals.ts';
import { forgetStaged } from './staged-devices.ts';
import type { Transactions } from './transactions.ts';

export class SqlDeviceRegistry implements DeviceRegistry {
  readonly #transactions: Transactions;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  add(device: NewDevice, by: string, at: Date): Promise<DeviceAddition> {
    return this.#transactions.write(async (transaction): Promise<DeviceAddition> => {
      const present = await findDevice(transaction, device.id);
      if (present) return { kind: 'exists', value: present.device };
      const group = await chooseGroup(transaction, device);
      if (!group)
        return {
          kind: 'refused',
          reason: device.group
            ? `Tenant ${device.tenant} has no group ${device.group}.`
            : `There is no tenant ${device.tenant}.`,
        };
      const { role = 'device' } = device;
      const contradiction = roleContradiction(role, group);
      if (contradiction) return { kind: 'contradiction', reason: contradiction };
      const objection = await objectionToFactoryIdentity(transaction, device);
      if (objection !== undefined) return { kind: 'contradiction', reason: objection };
      await transaction
        .insertInto('device')
        .values({
          id: device.id,
          tenant: device.tenant,
          device_group: group.label,
          serial_number: device.serialNumber ?? null,
          manufacturer: device.manufacturer ?? null,
          names: JSON.stringify(device.names),
          status: 'active',
          role,
          created_at: at.toISOString(),
          region: device.region ?? null,
          site: device.site ?? null,
          building: device.building ?? null,
          context: JSON.stringify(device.context ?? {}),
        })
        .execute();
      const details = { tenant: device.tenant, group: group.label, role };
      await audit(transaction, {
        at,
        actor: by,
        action: 'device.added',
        object: device.id,
        details,
      });
      const value = { ...device, role, group: group.label, status: 'active' } as const;
      return { kind: 'added', value };
    });
  }

  find(id: string): Promise<KnownDevice | undefined> {
    return findDevice(this.#transactions.read, id);
  }

  async findByFirstKey(group: string, publicKeyDigest: string): Promise<KnownDevice | undefined> {
    const { read } = this.#transactions;
    const { rows } = await deviceByFirstKey(read, { group, publicKeyDigest });
    return rows[0] && findDevice(read, rows[0].id);
  }

  reportForeignKey(key: ForeignKey): Promise<void> {
    return this.#transactions.write((transaction) => reportForeignKey(transaction, key));
  }

  resetKey(id: string, by: string, at: Date): Promise<Device | undefined> {
    return this.#transactions.write((transaction) => resetFirstKey(transaction, id, by, at));
  }

  async list(filter: {
    tenant?: string;
    group?: string;
    after?: string;
    limit: number;
  }): Promise<Device[]> {
    let query = this.#transactions.read.selectFrom('device').selectAll();
    if (filter.tenant !== undefined) query = query.where('tenant', '=', filter.tenant);
    if (filter.group !== undefined) query = query.where('device_group', '=', filter.group);
    if (filter.after !== undefined) query = query.where('id', '>', filter.after);
    return (await query.orderBy('id').limit(filter.limit).execute()).map(deviceOf);
  }

  setStatus(
    id: string,
    status: Device['status'],
    by: string,
    at: Date,
  ): Promise<Device | undefined> {
    return this.#transactions.write(async (transaction) => {
      const row = await transaction
        .updateTable('device')
        .set({ status })
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirst();
      if (!row) return undefined;
      const action = status === 'blocked' ? 'device.blocked' : 'device.unblocked';
      await audit(transaction, { at, actor: by, action, object: id });
      if (status === 'blocked')
        await announce(transaction, id, { type: 'bestow.device.blocked', at, data: {} });
      return deviceOf(row);
    });
  }

  setNames(
    id: string,
    names: readonly string[],
    by: string,
    at: Date,
  ): Promise<Device | undefined> {
    return this.#transactions.write(async (transaction) => {
      const row = await transaction
        .updateTable('device')
        .set({ names: JSON.stringify(names) })
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirst();
      if (!row) return undefined;
      const action = 'device.names-set';
      await audit(transaction, { at, actor: by, action, object: id, details: { names } });
      return deviceOf(row);
    });
  }

  setPlace(id: string, change: PlaceChange, by: string, at: Date): Promise<Device | undefined> {
    return this.#transactions.write(async (transaction) => {
      const before = (await findDevice(transaction, id))?.device;
      if (!before) return undefined;
      const { context: changed = {}, ...place } = change;
      const context = checkContext(
        Object.fromEntries(
          Object.entries({ ...before.context, ...changed }).filter(
            (entry): entry is [string, string] => entry[1] !== null,
          ),
        ),
      );
      const row = await transaction
        .updateTable('device')
        .set({ ...place, context: JSON.stringify(context) })
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirstOrThrow();
      const action = 'device.place-set';
      await audit(transaction, { at, actor: by, action, object: id, details: { ...change } });
      return deviceOf(row);
    });
  }

  setQuarantine(
    id: string,
    quarantined: boolean,
    by: string,
    at: Date,
  ): Promise<Device | undefined> {
    return this.#transactions.write(async (transaction) => {
      const row = await transaction
        .updateTable('device')
        .set({ quarantined: quarantined ? 1 : 0 })
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirst();
      if (!row) return undefined;
      const action = quarantined ? 'device.quarantined' : 'device.released';
      await audit(transaction, { at, actor: by, action, object: id });
      return deviceOf(row);
    });
  }

  remove(id: string, by: string, at: Date): Promise<boolean> {
    return this.#transactions.write(async (transaction) => {
      const subject = await eventSubject(transaction, id);
      const { numDeletedRows } = await transaction
        .deleteFrom('device')
        .where('id', '=', id)
        .executeTakeFirst();
      if (numDeletedRows === 0n) return false;
      await transaction
        .updateTable('one_time_password')
        .set({ state: 'revoked' })
        .where('device', '=', id)
        .where('state', '!=', 'revoked')
        .execute();
      await forgetApprovals(transaction, id, at);
      await forgetStaged(transaction, id, at);
      const order = { reason: 'cessationOfOperation', at } as const;
      const revoked = await revokeWhatIsLeft(transaction, { subscriber: id }, order, subject);
      const details = { revoked };
      await audit(transaction, { at, actor: by, action: 'device.removed', object: id, details });
      return true;
    });
  }
}

/** Two devices of one serial number could not be told apart by their factory certificates. */
async function objectionToFactoryIdentity(
  transaction: Kysely<Database>,
  { manufacturer, serialNumber, tenant, role = 'device' }: NewDevice,
): Promise<string | undefined> {
  if (manufacturer === undefined) return undefined;
  if (serialNumber === undefined)
    return 'A device of a manufacturer needs the serial number that its factory certificate says.';
  if (role !== 'device')
    return 'A registration authority is known by a certificate of ours, and by no factory certificate.';
  const maker = await transaction
    .selectFrom('manufacturer')
    .select('tenants')
    .where('id', '=', manufacturer)
    .executeTakeFirst();
  if (!maker) return `There is no manufacturer ${manufacturer}.`;
  const tenants: string[] = JSON.parse(maker.tenants);
  if (tenants.length > 0 && !tenants.includes(tenant))
    return `The manufacturer ${manufacturer} is not one for tenant ${tenant}.`;
  const other = await transaction
    .selectFrom('device')
    .select('id')
    .where('manufacturer', '=', manufacturer)
    .where('serial_number', '=', serialNumber)
    .executeTakeFirst();
  return (
    other &&
    `Device ${other.id} is the one with the serial number ${serialNumber} of ${manufacturer}.`
  );
}

export async function findDevice(
  db: Kysely<Database>,
  id: string,
): Promise<KnownDevice | undefined> {
  const row = await db
    .selectFrom('device')
    .innerJoin('tenant', 'tenant.id', 'device.tenant')
    .innerJoin('device_group', 'device_group.label', 'device.device_group')
    .selectAll('device')
    .select(['tenant.endpoints', 'tenant.suspended', 'tenant.quarantine'])
    .select(['device_group.settings', 'device_group.tenant as group_tenant'])
    .where('device.id', '=', id)
    .executeTakeFirst();
  return (
    row && {
      device: deviceOf(row),
      tenant: tenantOf({ ...row, id: row.tenant }),
      group: groupOf({ ...row, label: row.device_group, tenant: row.group_tenant }),
    }
  );
}

async function chooseGroup(
  transaction: Kysely<Database>,
  { tenant, group }: NewDevice,
): Promise<Group | undefined> {
  let query = transaction.selectFrom('device_group').selectAll().where('tenant', '=', tenant);
  if (group !== undefined) query = query.where('label', '=', group);
  const row = await query.orderBy('created_at').executeTakeFirst();
  return row && groupOf(row);
}
