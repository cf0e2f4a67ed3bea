import type { Kysely } from 'kysely';
import type { Addition } from '../enrollment/device-registry.ts';
import type { Group, Linking } from '../enrollment/group.ts';
import { audit } from './audit-trail.ts';
import { compiledQuery } from './compiled-query.ts';
import type { Database } from './database.ts';
import { groupOf } from './rows.ts';

/** The groups of tenants, within a transaction or outside. */

const groupByLabel = compiledQuery((db, { label }: { label: string }) =>
  db.selectFrom('device_group').select(['label', 'tenant', 'linking']).where('label', '=', label),
);

export async function findGroup(db: Kysely<Database>, label: string): Promise<Group | undefined> {
  const [row] = (await groupByLabel(db, { label })).rows;
  return row && groupOf(row);
}

export async function listGroups(
  db: Kysely<Database>,
  { tenant }: { tenant?: string },
): Promise<Group[]> {
  let query = db.selectFrom('device_group').select(['label', 'tenant', 'linking']);
  if (tenant !== undefined) query = query.where('tenant', '=', tenant);
  return (await query.orderBy('created_at').orderBy('label').execute()).map(groupOf);
}

/** @returns `refused` when the label is another tenant's or the tenant is not there */
export async function insertGroup(
  transaction: Kysely<Database>,
  group: Group,
  by: string,
  at: Date,
): Promise<Addition<Group>> {
  const { label, tenant, linking } = group;
  const taken = await findGroup(transaction, label);
  if (taken?.tenant === tenant) return { kind: 'exists', value: taken };
  if (taken)
    return {
      kind: 'refused',
      reason: `The label ${label} belongs to tenant ${taken.tenant}; choose another with --label.`,
    };
  await transaction
    .insertInto('device_group')
    .values({ label, tenant, linking, created_at: at.toISOString() })
    .execute();
  const details = { tenant, linking };
  await audit(transaction, { at, actor: by, action: 'group.added', object: label, details });
  return { kind: 'added', value: group };
}

export async function updateLinking(
  transaction: Kysely<Database>,
  change: { label: string; linking: Linking; by: string; at: Date },
): Promise<Group | undefined> {
  const { label, linking, by, at } = change;
  const row = await transaction
    .updateTable('device_group')
    .set({ linking })
    .where('label', '=', label)
    .returning(['label', 'tenant', 'linking'])
    .executeTakeFirst();
  if (!row) return undefined;
  const action = 'group.linking-set';
  await audit(transaction, { at, actor: by, action, object: label, details: { linking } });
  return groupOf(row);
}
