import type { Kysely } from 'kysely';
import type { Device } from '../enrollment/device.ts';
import type { DeviceAddition, DeviceRegistry, NewDevice } from '../enrollment/device-registry.ts';
import { type Group, roleContradiction } from '../enrollment/group.ts';
import type { Tenant } from '../enrollment/tenant.ts';
import { audit } from './audit-trail.ts';
import type { Database } from './database.ts';
import { revokeWhatIsLeft } from './revocation.ts';
import { deviceOf, groupOf, tenantOf } from './rows.ts';
import { forgetApprovals } from './sql-approvals.ts';
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
      await transaction
        .insertInto('device')
        .values({
          id: device.id,
          tenant: device.tenant,
          device_group: group.label,
          serial_number: device.serialNumber ?? null,
          names: JSON.stringify(device.names),
          status: 'active',
          role,
          created_at: at.toISOString(),
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

  find(id: string): Promise<{ device: Device; tenant: Tenant; group: Group } | undefined> {
    return findDevice(this.#transactions.read, id);
  }

  async list(filter: { tenant?: string; limit: number }): Promise<Device[]> {
    let query = this.#transactions.read.selectFrom('device').selectAll();
    if (filter.tenant !== undefined) query = query.where('tenant', '=', filter.tenant);
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

  remove(id: string, by: string, at: Date): Promise<boolean> {
    return this.#transactions.write(async (transaction) => {
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
      const order = { reason: 'cessationOfOperation', at } as const;
      const revoked = await revokeWhatIsLeft(transaction, { subscriber: id }, order);
      const details = { revoked };
      await audit(transaction, { at, actor: by, action: 'device.removed', object: id, details });
      return true;
    });
  }
}

async function findDevice(
  db: Kysely<Database>,
  id: string,
): Promise<{ device: Device; tenant: Tenant; group: Group } | undefined> {
  const row = await db
    .selectFrom('device')
    .innerJoin('tenant', 'tenant.id', 'device.tenant')
    .innerJoin('device_group', 'device_group.label', 'device.device_group')
    .selectAll('device')
    .select(['tenant.endpoints', 'tenant.suspended', 'device_group.settings'])
    .where('device.id', '=', id)
    .executeTakeFirst();
  return (
    row && {
      device: deviceOf(row),
      tenant: tenantOf({ ...row, id: row.tenant }),
      group: groupOf({ ...row, label: row.device_group }),
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
