import type { Selectable } from 'kysely';
import type {
  DeviceKey,
  DeviceKeyKind,
  DeviceKeys,
  NewDeviceKey,
} from '../enrollment/device-keys.ts';
import { audit } from './audit-trail.ts';
import type { DeviceKeyTable } from './database.ts';
import type { Transactions } from './transactions.ts';

export class SqlDeviceKeys implements DeviceKeys {
  readonly #transactions: Transactions;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  add(key: NewDeviceKey, by: string, at: Date): Promise<'added' | 'exists' | 'unknown-device'> {
    return this.#transactions.write(async (transaction) => {
      const { device, id, kind, material } = key;
      const known = await transaction
        .selectFrom('device')
        .select('id')
        .where('id', '=', device)
        .executeTakeFirst();
      if (!known) return 'unknown-device';
      const present = await transaction
        .selectFrom('device_key')
        .select('id')
        .where('device', '=', device)
        .where('id', '=', id)
        .executeTakeFirst();
      if (present) return 'exists';
      await transaction
        .insertInto('device_key')
        .values({ device, id, kind, material, created_at: at.toISOString() })
        .execute();
      const details = { id, kind };
      await audit(transaction, {
        at,
        actor: by,
        action: 'device-key.added',
        object: device,
        details,
      });
      return 'added';
    });
  }

  async find(device: string, id: string): Promise<DeviceKey | undefined> {
    const row = await this.#transactions.read
      .selectFrom('device_key')
      .selectAll()
      .where('device', '=', device)
      .where('id', '=', id)
      .executeTakeFirst();
    return row && deviceKeyOf(row);
  }

  async list(filter: { device?: string; limit: number }): Promise<DeviceKey[]> {
    let query = this.#transactions.read.selectFrom('device_key').selectAll();
    if (filter.device !== undefined) query = query.where('device', '=', filter.device);
    const rows = await query.orderBy('device').orderBy('id').limit(filter.limit).execute();
    return rows.map(deviceKeyOf);
  }

  remove(device: string, id: string, by: string, at: Date): Promise<boolean> {
    return this.#transactions.write(async (transaction) => {
      const { numDeletedRows } = await transaction
        .deleteFrom('device_key')
        .where('device', '=', device)
        .where('id', '=', id)
        .executeTakeFirst();
      if (numDeletedRows === 0n) return false;
      const details = { id };
      await audit(transaction, {
        at,
        actor: by,
        action: 'device-key.removed',
        object: device,
        details,
      });
      return true;
    });
  }
}

function deviceKeyOf(row: Selectable<DeviceKeyTable>): DeviceKey {
  return {
    device: row.device,
    id: row.id,
    kind: row.kind as DeviceKeyKind,
    material: row.material,
    createdAt: new Date(row.created_at),
  };
}
