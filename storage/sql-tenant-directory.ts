import type { Addition } from '../enrollment/device-registry.ts';
import type { Group } from '../enrollment/group.ts';
import type { Tenant } from '../enrollment/tenant.ts';
import type { NewTenant, TenantDirectory } from '../enrollment/tenant-directory.ts';
import { audit } from './audit-trail.ts';
import { tenantOf } from './rows.ts';
import type { Transactions } from './transactions.ts';

export class SqlTenantDirectory implements TenantDirectory {
  readonly #transactions: Transactions;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  add(tenant: NewTenant, by: string, at: Date): Promise<Addition<Tenant>> {
    return this.#transactions.write(async (transaction): Promise<Addition<Tenant>> => {
      const present = await transaction
        .selectFrom('tenant')
        .selectAll()
        .where('id', '=', tenant.id)
        .executeTakeFirst();
      if (present) return { kind: 'exists', value: tenantOf(present) };
      const taken = await transaction
        .selectFrom('device_group')
        .select('tenant')
        .where('label', '=', tenant.label)
        .executeTakeFirst();
      if (taken)
        return {
          kind: 'refused',
          reason: `The label ${tenant.label} belongs to tenant ${taken.tenant}; choose another with --label.`,
        };
      const created_at = at.toISOString();
      const { id, label, endpoints } = tenant;
      await transaction
        .insertInto('tenant')
        .values({ id, endpoints: JSON.stringify(endpoints), suspended: 0, created_at })
        .execute();
      await transaction
        .insertInto('device_group')
        .values({ label, tenant: id, created_at })
        .execute();
      const details = { label, endpoints };
      await audit(transaction, { at, actor: by, action: 'tenant.added', object: id, details });
      return { kind: 'added', value: { id, endpoints, suspended: false } };
    });
  }

  async find(id: string): Promise<{ tenant: Tenant; groups: Group[] } | undefined> {
    const { read } = this.#transactions;
    const row = await read.selectFrom('tenant').selectAll().where('id', '=', id).executeTakeFirst();
    if (!row) return undefined;
    const groups = await read
      .selectFrom('device_group')
      .select('label')
      .where('tenant', '=', id)
      .orderBy('created_at')
      .execute();
    return { tenant: tenantOf(row), groups: groups.map(({ label }) => ({ label, tenant: id })) };
  }

  async list(): Promise<Tenant[]> {
    const rows = await this.#transactions.read
      .selectFrom('tenant')
      .selectAll()
      .orderBy('id')
      .execute();
    return rows.map(tenantOf);
  }

  setEndpoints(
    id: string,
    endpoints: readonly string[],
    by: string,
    at: Date,
  ): Promise<Tenant | undefined> {
    return this.#transactions.write(async (transaction) => {
      const row = await transaction
        .updateTable('tenant')
        .set({ endpoints: JSON.stringify(endpoints) })
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirst();
      if (!row) return undefined;
      const action = 'tenant.endpoints-set';
      await audit(transaction, { at, actor: by, action, object: id, details: { endpoints } });
      return tenantOf(row);
    });
  }

  async groupOf(label: string): Promise<Group | undefined> {
    const row = await this.#transactions.read
      .selectFrom('device_group')
      .select('tenant')
      .where('label', '=', label)
      .executeTakeFirst();
    return row && { label, tenant: row.tenant };
  }
}
