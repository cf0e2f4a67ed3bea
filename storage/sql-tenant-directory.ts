import type { Addition } from '../enrollment/device-registry.ts';
import type { Group } from '../enrollment/group.ts';
import { defaultSettings, type GroupSettings } from '../enrollment/group-settings.ts';
import type { Tenant } from '../enrollment/tenant.ts';
import type { NewTenant, SettingsChange, TenantDirectory } from '../enrollment/tenant-directory.ts';
import { audit } from './audit-trail.ts';
import { tenantOf } from './rows.ts';
import { findGroup, insertGroup, listGroups, updateSettings } from './sql-groups.ts';
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
      const { id, label, endpoints, issuer = defaultSettings.issuer } = tenant;
      const taken = await findGroup(transaction, label);
      if (taken)
        return {
          kind: 'refused',
          reason: `The label ${label} belongs to tenant ${taken.tenant}; choose another with --label.`,
        };
      await transaction
        .insertInto('tenant')
        .values({
          id,
          endpoints: JSON.stringify(endpoints),
          suspended: 0,
          created_at: at.toISOString(),
        })
        .execute();
      const settings = { ...defaultSettings, issuer };
      await insertGroup(transaction, { label, tenant: id, settings }, by, at);
      const details = { label, endpoints };
      await audit(transaction, { at, actor: by, action: 'tenant.added', object: id, details });
      return { kind: 'added', value: { id, endpoints, suspended: false } };
    });
  }

  async find(id: string): Promise<{ tenant: Tenant; groups: Group[] } | undefined> {
    const { read } = this.#transactions;
    const row = await read.selectFrom('tenant').selectAll().where('id', '=', id).executeTakeFirst();
    if (!row) return undefined;
    return { tenant: tenantOf(row), groups: await listGroups(read, { tenant: id }) };
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

  setQuarantine(
    id: string,
    endpoints: readonly string[],
    by: string,
    at: Date,
  ): Promise<Tenant | undefined> {
    return this.#transactions.write(async (transaction) => {
      const row = await transaction
        .updateTable('tenant')
        .set({ quarantine: endpoints.length > 0 ? JSON.stringify(endpoints) : null })
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirst();
      if (!row) return undefined;
      const action = 'tenant.quarantine-set';
      await audit(transaction, { at, actor: by, action, object: id, details: { endpoints } });
      return tenantOf(row);
    });
  }

  groupOf(label: string): Promise<Group | undefined> {
    return findGroup(this.#transactions.read, label);
  }

  groups(filter: { tenant?: string }): Promise<Group[]> {
    return listGroups(this.#transactions.read, filter);
  }

  addGroup(group: Group, by: string, at: Date): Promise<Addition<Group>> {
    return this.#transactions.write(async (transaction): Promise<Addition<Group>> => {
      const tenant = await transaction
        .selectFrom('tenant')
        .select('id')
        .where('id', '=', group.tenant)
        .executeTakeFirst();
      if (!tenant) return { kind: 'refused', reason: `There is no tenant ${group.tenant}.` };
      return insertGroup(transaction, group, by, at);
    });
  }

  changeSettings(
    label: string,
    changes: Partial<GroupSettings>,
    by: string,
    at: Date,
  ): Promise<SettingsChange> {
    return this.#transactions.write((transaction) =>
      updateSettings(transaction, { label, changes, by, at }),
    );
  }
}
