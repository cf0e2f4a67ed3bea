import type { Kysely, Selectable } from 'kysely';
import { publicKeyDigestOf, readTrustAnchor } from '../ca/path-validation/trust-anchor.ts';
import type { Device } from '../enrollment/device.ts';
import type { Addition, ForeignKey } from '../enrollment/device-registry.ts';
import { describeFieldSource, parseFieldSource } from '../enrollment/field-source.ts';
import type { Group } from '../enrollment/group.ts';
import type { Manufacturer } from '../enrollment/manufacturer.ts';
import type {
  ManufacturerDirectory,
  ManufacturerRemoval,
} from '../enrollment/manufacturer-directory.ts';
import type { Tenant } from '../enrollment/tenant.ts';
import { audit } from './audit-trail.ts';
import type { Database, ManufacturerTable } from './database.ts';
import { deviceOf } from './rows.ts';
import { findDevice } from './sql-device-registry.ts';
import type { Transactions } from './transactions.ts';

export class SqlManufacturers implements ManufacturerDirectory {
  readonly #transactions: Transactions;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  add(manufacturer: Manufacturer, by: string, at: Date): Promise<Addition<Manufacturer>> {
    return this.#transactions.write(async (transaction): Promise<Addition<Manufacturer>> => {
      const { id } = manufacturer;
      const [present] = await readManufacturers(transaction, id);
      if (present) return { kind: 'exists', value: present };
      const reason = await objectionTo(transaction, manufacturer);
      if (reason !== undefined) return { kind: 'refused', reason };
      await insert(transaction, manufacturer, at);
      const details = {
        anchors: manufacturer.anchors.map((der) => readTrustAnchor(der).fingerprint),
        serialFrom: describeFieldSource(manufacturer.serialFrom),
        models: manufacturer.models,
        tenants: manufacturer.tenants,
      };
      await audit(transaction, {
        at,
        actor: by,
        action: 'manufacturer.added',
        object: id,
        details,
      });
      return { kind: 'added', value: manufacturer };
    });
  }

  async find(id: string): Promise<Manufacturer | undefined> {
    const [found] = await readManufacturers(this.#transactions.read, id);
    return found;
  }

  list(): Promise<Manufacturer[]> {
    return readManufacturers(this.#transactions.read);
  }

  remove(id: string, force: boolean, by: string, at: Date): Promise<ManufacturerRemoval> {
    return this.#transactions.write(async (transaction): Promise<ManufacturerRemoval> => {
      const [present] = await readManufacturers(transaction, id);
      if (!present) return { kind: 'unknown' };
      const { count } = await transaction
        .selectFrom('device')
        .select(({ fn }) => fn.countAll().as('count'))
        .where('manufacturer', '=', id)
        .executeTakeFirstOrThrow();
      const devices = Number(count);
      if (devices > 0 && !force) return { kind: 'in-use', devices };
      await transaction
        .updateTable('device')
        .set({ manufacturer: null, ...forgotten })
        .where('manufacturer', '=', id)
        .execute();
      await transaction
        .deleteFrom('manufacturer_certificate')
        .where('manufacturer', '=', id)
        .execute();
      await transaction.deleteFrom('manufacturer').where('id', '=', id).execute();
      const details = { devices };
      const action = 'manufacturer.removed';
      await audit(transaction, { at, actor: by, action, object: id, details });
      return { kind: 'removed', devices };
    });
  }

  async deviceOf(
    manufacturer: string,
    serialNumber: string,
  ): Promise<{ device: Device; tenant: Tenant; group: Group } | undefined> {
    const { read } = this.#transactions;
    const row = await read
      .selectFrom('device')
      .select('id')
      .where('manufacturer', '=', manufacturer)
      .where('serial_number', '=', serialNumber)
      .executeTakeFirst();
    return row && findDevice(read, row.id);
  }

  reportForeignKey(key: ForeignKey): Promise<void> {
    return this.#transactions.write(async (transaction) => {
      const { device: id, publicKeyDigest, source, requestId, at } = key;
      const row = await transaction
        .selectFrom('device')
        .select(['factory_key', 'foreign_factory_key'])
        .where('id', '=', id)
        .executeTakeFirst();
      // A device that does not give up must not fill an audit log that only ever grows.
      if (!row || row.foreign_factory_key === publicKeyDigest) return;
      await transaction
        .updateTable('device')
        .set({ foreign_factory_key: publicKeyDigest })
        .where('id', '=', id)
        .execute();
      const details = { publicKeyDigest, pinned: row.factory_key, source };
      const action = 'device.foreign-factory-key';
      await audit(transaction, { at, actor: id, action, object: id, requestId, details });
    });
  }

  reset(id: string, unpin: boolean, by: string, at: Date): Promise<Device | undefined> {
    return this.#transactions.write(async (transaction) => {
      const row = await transaction
        .updateTable('device')
        .set(unpin ? forgotten : { factory_used_at: null })
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirst();
      if (!row) return undefined;
      const action = 'device.factory-reset';
      await audit(transaction, { at, actor: by, action, object: id, details: { unpin } });
      return deviceOf(row);
    });
  }
}

const forgotten = { factory_key: null, factory_used_at: null, foreign_factory_key: null } as const;

async function objectionTo(
  transaction: Kysely<Database>,
  { anchors, tenants }: Manufacturer,
): Promise<string | undefined> {
  const digests = anchors.map((der) => readTrustAnchor(der).publicKeyDigest);
  const taken = await transaction
    .selectFrom('manufacturer_certificate')
    .select('manufacturer')
    .where('role', '=', 'anchor')
    .where('public_key_digest', 'in', digests)
    .executeTakeFirst();
  if (taken) return `The key of a trust anchor is that of the manufacturer ${taken.manufacturer}.`;
  for (const tenant of tenants)
    if (
      !(await transaction
        .selectFrom('tenant')
        .select('id')
        .where('id', '=', tenant)
        .executeTakeFirst())
    )
      return `There is no tenant ${tenant}.`;
  return undefined;
}

async function insert(
  transaction: Kysely<Database>,
  manufacturer: Manufacturer,
  at: Date,
): Promise<void> {
  const { id, serialFrom, modelFrom, models, tenants } = manufacturer;
  await transaction
    .insertInto('manufacturer')
    .values({
      id,
      serial_from: describeFieldSource(serialFrom),
      model_from: modelFrom ? describeFieldSource(modelFrom) : null,
      models: JSON.stringify(models),
      tenants: JSON.stringify(tenants),
      created_at: at.toISOString(),
    })
    .execute();
  const certificates = { anchor: manufacturer.anchors, intermediate: manufacturer.intermediates };
  for (const [role, list] of Object.entries(certificates))
    for (const [position, der] of list.entries()) {
      const { certificate } = readTrustAnchor(der);
      const public_key_digest = publicKeyDigestOf(certificate);
      await transaction
        .insertInto('manufacturer_certificate')
        .values({ manufacturer: id, role, position, public_key_digest, der })
        .execute();
    }
}

/** All, or the one with that id. */
async function readManufacturers(db: Kysely<Database>, id?: string): Promise<Manufacturer[]> {
  let manufacturers = db.selectFrom('manufacturer').selectAll();
  let certificates = db.selectFrom('manufacturer_certificate').selectAll();
  if (id !== undefined) {
    manufacturers = manufacturers.where('id', '=', id);
    certificates = certificates.where('manufacturer', '=', id);
  }
  const rows = await manufacturers.orderBy('id').execute();
  if (rows.length === 0) return [];
  const found = await certificates.orderBy('position').execute();
  return rows.map((row) => {
    const own = found.filter(({ manufacturer }) => manufacturer === row.id);
    const of = (role: string) => own.filter((each) => each.role === role).map(({ der }) => der);
    return manufacturerOf(row, of('anchor'), of('intermediate'));
  });
}

function manufacturerOf(
  row: Selectable<ManufacturerTable>,
  anchors: readonly Uint8Array[],
  intermediates: readonly Uint8Array[],
): Manufacturer {
  return {
    id: row.id,
    anchors,
    intermediates,
    serialFrom: parseFieldSource(row.serial_from, 'serial'),
    ...(row.model_from === null ? {} : { modelFrom: parseFieldSource(row.model_from, 'model') }),
    models: JSON.parse(row.models),
    tenants: JSON.parse(row.tenants),
  };
}
