import type { Insertable, Kysely, Selectable } from 'kysely';
import type { Device } from '../enrollment/device.ts';
import type { Group } from '../enrollment/group.ts';
import type { NewOneTimePassword } from '../enrollment/one-time-password-store.ts';
import type {
  OrderedDevice,
  OrderListBatch,
  OrderListProgress,
  OrderLists,
  RowRefusal,
} from '../enrollment/order-lists.ts';
import { audit } from './audit-trail.ts';
import type { AuditLogTable, Database, DeviceTable, OrderListTable } from './database.ts';
import { judgeDevices } from './judge-devices.ts';
import { deviceOf, groupOf } from './rows.ts';
import { rowOf } from './sql-one-time-passwords.ts';
import type { Transactions } from './transactions.ts';

export class SqlOrderLists implements OrderLists {
  readonly #transactions: Transactions;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  find(digest: string): Promise<OrderListProgress | undefined> {
    return findList(this.#transactions.read, digest);
  }

  begin(digest: string, by: string, at: Date): Promise<OrderListProgress> {
    return this.#transactions.write(async (transaction) => {
      const known = await findList(transaction, digest);
      if (known) return known;
      const row = await transaction
        .insertInto('order_list')
        .values({
          digest,
          begun_at: at.toISOString(),
          begun_by: by,
          row: 1,
          added: 0,
          refused: 0,
          errors_length: 0,
          finished_at: null,
          credentials_at: null,
        })
        .returningAll()
        .executeTakeFirstOrThrow();
      await audit(transaction, { at, actor: by, action: 'order-list.begun', object: digest });
      return progressOf(row);
    });
  }

  async judge(devices: readonly OrderedDevice[]): Promise<RowRefusal[]> {
    return [...(await judgeDevices(this.#transactions.read, devices)).refusals];
  }

  add(batch: OrderListBatch): Promise<OrderListProgress | undefined> {
    return this.#transactions.write(async (transaction) => {
      const { digest, devices, through, refused, errorsLength } = batch;
      const { refusals, groups } = await judgeDevices(transaction, devices);
      if (refusals.length > 0) return undefined;
      if (devices.length > 0) {
        const rows = devices.map((each) => deviceRow(each, groups.get(each.device), batch));
        await transaction.insertInto('device').values(rows).execute();
        const entries = devices.map((each, i) => additionEntry(each, rows[i], batch));
        await transaction.insertInto('audit_log').values(entries).execute();
      }
      const row = await transaction
        .updateTable('order_list')
        .set(({ eb }) => ({
          row: through,
          added: eb('added', '+', devices.length),
          refused: eb('refused', '+', refused),
          errors_length: errorsLength,
        }))
        .where('digest', '=', digest)
        // Another process that imports the same list is faster.
        .where('row', '<', through)
        .returningAll()
        .executeTakeFirst();
      if (!row) throw new Error('The list is being imported by another process.');
      return progressOf(row);
    });
  }

  finish(digest: string, by: string, at: Date): Promise<void> {
    return this.#mark(digest, 'finished_at', by, at);
  }

  async devicesOf(
    digest: string,
    { after, limit }: { readonly after: string; readonly limit: number },
  ): Promise<{ device: Device; group: Group }[]> {
    const rows = await this.#transactions.read
      .selectFrom('device')
      .innerJoin('device_group', 'device_group.label', 'device.device_group')
      .selectAll('device')
      .select('device_group.settings')
      .where('order_list', '=', digest)
      .where('id', '>', after)
      .orderBy('id')
      .limit(limit)
      .execute();
    return rows.map((row) => ({
      device: deviceOf(row),
      group: groupOf({ ...row, label: row.device_group }),
    }));
  }

  replacePasswords(passwords: readonly NewOneTimePassword[]): Promise<void> {
    return this.#transactions.write(async (transaction) => {
      if (passwords.length === 0) return;
      await transaction
        .updateTable('one_time_password')
        .set({ state: 'revoked' })
        .where(
          'device',
          'in',
          passwords.map(({ device }) => device),
        )
        .where('state', '=', 'unused')
        .execute();
      await transaction.insertInto('one_time_password').values(passwords.map(rowOf)).execute();
      await transaction
        .insertInto('audit_log')
        .values(
          passwords.map(({ kind = 'one-time-password', ...password }) =>
            entryOf(password.by, password.createdAt, {
              action: `${kind}.created`,
              object: password.id,
              details: { device: password.device, expiresAt: password.expiresAt },
            }),
          ),
        )
        .execute();
    });
  }

  finishCredentials(digest: string, by: string, at: Date): Promise<void> {
    return this.#mark(digest, 'credentials_at', by, at);
  }

  #mark(
    digest: string,
    column: 'finished_at' | 'credentials_at',
    by: string,
    at: Date,
  ): Promise<void> {
    return this.#transactions.write(async (transaction) => {
      const row = await transaction
        .updateTable('order_list')
        .set({ [column]: at.toISOString() })
        .where('digest', '=', digest)
        .returning(['row', 'added', 'refused'])
        .executeTakeFirstOrThrow();
      const action =
        column === 'finished_at' ? 'order-list.finished' : 'order-list.credentials-made';
      await audit(transaction, { at, actor: by, action, object: digest, details: row });
    });
  }
}

async function findList(
  db: Kysely<Database>,
  digest: string,
): Promise<OrderListProgress | undefined> {
  const row = await db
    .selectFrom('order_list')
    .selectAll()
    .where('digest', '=', digest)
    .executeTakeFirst();
  return row && progressOf(row);
}

function progressOf(row: Selectable<OrderListTable>): OrderListProgress {
  return {
    digest: row.digest,
    begunAt: new Date(row.begun_at),
    begunBy: row.begun_by,
    row: row.row,
    added: row.added,
    refused: row.refused,
    errorsLength: row.errors_length,
    ...(row.finished_at === null ? {} : { finishedAt: new Date(row.finished_at) }),
    ...(row.credentials_at === null ? {} : { credentialsAt: new Date(row.credentials_at) }),
  };
}

function deviceRow(
  { device }: OrderedDevice,
  group: Group | undefined,
  { digest, at }: OrderListBatch,
): Insertable<DeviceTable> {
  if (!group) throw new Error(`Device ${device.id} has no group.`);
  return {
    id: device.id,
    tenant: device.tenant,
    device_group: group.label,
    serial_number: device.serialNumber ?? null,
    manufacturer: device.manufacturer ?? null,
    names: JSON.stringify(device.names),
    status: 'active',
    role: device.role ?? 'device',
    created_at: at.toISOString(),
    region: device.region ?? null,
    site: device.site ?? null,
    building: device.building ?? null,
    context: JSON.stringify(device.context ?? {}),
    order_list: digest,
  };
}

/** As for a device that is added alone, so that an auditor finds it the same way; and whence it came. */
function additionEntry(
  { row, device }: OrderedDevice,
  stored: Insertable<DeviceTable> | undefined,
  { digest, by, at }: OrderListBatch,
): Insertable<AuditLogTable> {
  const details = {
    tenant: device.tenant,
    group: stored?.device_group,
    role: stored?.role,
    orderList: digest,
    row,
  };
  return entryOf(by, at, { action: 'device.added', object: device.id, details });
}

function entryOf(
  by: string,
  at: Date,
  { action, object, details }: { action: string; object: string; details: object },
): Insertable<AuditLogTable> {
  return {
    at: at.toISOString(),
    actor: by,
    action,
    object,
    request_id: null,
    details: JSON.stringify(details),
  };
}
