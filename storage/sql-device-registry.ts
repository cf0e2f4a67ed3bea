import type { Kysely } from 'kysely';
import type { Device } from '../enrollment/device.ts';
import type { Addition, DeviceRegistry, NewDevice } from '../enrollment/device-registry.ts';
import type { Group } from '../enrollment/group.ts';
import type { Tenant } from '../enrollment/tenant.ts';
import { audit } from './audit-trail.ts';
import type { Database } from './database.ts';
import { deviceOf, groupOf, tenantOf } from './rows.ts';
import { forgetApprovals } from './sql-approvals.ts';
import type { Transactions } from './transactions.ts';

export class SqlDeviceRegistry implements DeviceRegistry {
  readonly #transactions: Transactions;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  add(device: NewDevice, by: string, at: Date): Promise<Addition<Device>> {
    return this.#transactions.write(async (transaction): Promise<Addition<Device>> => {
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
      await transaction
        .insertInto('device')
        .values({
          id: device.id,
          tenant: device.tenant,
          device_group: group,
          serial_number: device.serialNumber ?? null,
          names: JSON.stringify(device.names),
          status: 'active',
          role,
          created_at: at.toISOString(),
        })
        .execute();
      const details = { tenant: device.tenant, group, role };
      await audit(transaction, {
        at,
        actor: by,
        action: 'device.added',
        object: device.id,
        details,
      });
      return { kind: 'added', value: { ...device, role, group, status: 'active' } };
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
      const revoked = await transaction
        .updateTable('issuance')
        .set({ revoked_at: at.toISOString(), revocation_reason: 'cessationOfOperation' })
        .where('subscriber', '=', id)
        .where('revoked_at', 'is', null)
        .returning('serial_number')
        .execute();
      const details = { revoked: revoked.map(({ serial_number }) => serial_number) };
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
): Promise<string | undefined> {
  let query = transaction.selectFrom('device_group').select('label').where('tenant', '=', tenant);
  if (group !== undefined) query = query.where('label', '=', group);
  return (await query.orderBy('created_at').executeTakeFirst())?.label;
}
