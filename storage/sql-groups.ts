import type { Kysely } from 'kysely';
import type { Addition } from '../enrollment/device-registry.ts';
import { type Group, roleContradiction } from '../enrollment/group.ts';
import { checkSettings, type GroupSettings } from '../enrollment/group-settings.ts';
import type { SettingsChange } from '../enrollment/tenant-directory.ts';
import { audit } from './audit-trail.ts';
import { compiledQuery } from './compiled-query.ts';
import type { Database } from './database.ts';
import { profileObjection } from './profile-versions.ts';
import { groupOf } from './rows.ts';

/** The groups of tenants, within a transaction or outside. */

const groupByLabel = compiledQuery((db, { label }: { label: string }) =>
  db.selectFrom('device_group').select(['label', 'tenant', 'settings']).where('label', '=', label),
);

export async function findGroup(db: Kysely<Database>, label: string): Promise<Group | undefined> {
  const [row] = (await groupByLabel(db, { label })).rows;
  return row && groupOf(row);
}

export async function listGroups(
  db: Kysely<Database>,
  { tenant }: { tenant?: string },
): Promise<Group[]> {
  let query = db.selectFrom('device_group').select(['label', 'tenant', 'settings']);
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
  const { label, tenant, settings } = group;
  const taken = await findGroup(transaction, label);
  if (taken?.tenant === tenant) return { kind: 'exists', value: taken };
  if (taken)
    return {
      kind: 'refused',
      reason: `The label ${label} belongs to tenant ${taken.tenant}; choose another with --label.`,
    };
  const objection = await profileObjection(transaction, group);
  if (objection !== undefined) return { kind: 'refused', reason: objection };
  await transaction
    .insertInto('device_group')
    .values({
      label,
      tenant,
      settings: JSON.stringify(settings),
      created_at: at.toISOString(),
    })
    .execute();
  const details = { tenant, settings };
  await audit(transaction, { at, actor: by, action: 'group.added', object: label, details });
  return { kind: 'added', value: group };
}

/** Two operators who change different settings at once both get theirs. */
export async function updateSettings(
  transaction: Kysely<Database>,
  change: { label: string; changes: Partial<GroupSettings>; by: string; at: Date },
): Promise<SettingsChange> {
  const { label, changes, by, at } = change;
  const before = await findGroup(transaction, label);
  if (!before) return { kind: 'unknown' };
  const settings = { ...before.settings, ...changes };
  try {
    checkSettings(settings);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { kind: 'refused', reason: error.message };
  }
  const objection = await profileObjection(transaction, { label, settings });
  if (objection !== undefined) return { kind: 'refused', reason: objection };
  const contradiction = roleContradiction('registration-authority', { label, settings });
  const authority = contradiction && (await registrationAuthorityIn(transaction, label));
  if (authority)
    return { kind: 'refused', reason: `${contradiction} Here this is ${authority.id}.` };
  await transaction
    .updateTable('device_group')
    .set({ settings: JSON.stringify(settings) })
    .where('label', '=', label)
    .execute();
  const action = 'group.settings-changed';
  await audit(transaction, { at, actor: by, action, object: label, details: { ...changes } });
  return { kind: 'changed', group: { ...before, settings } };
}

function registrationAuthorityIn(
  db: Kysely<Database>,
  label: string,
): Promise<{ id: string } | undefined> {
  return db
    .selectFrom('device')
    .select('id')
    .where('device_group', '=', label)
    .where('role', '=', 'registration-authority')
    .limit(1)
    .executeTakeFirst();
}
