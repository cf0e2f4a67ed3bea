/** Devices that the registry learns of by their request, in groups that take such. */

import type { Kysely } from 'kysely';
import type { ForeseenIntent } from '../ca/issuance-ledger.ts';
import type { Group } from '../enrollment/group.ts';
import { audit } from './audit-trail.ts';
import { compiledQuery } from './compiled-query.ts';
import type { Database } from './database.ts';
import { deviceWithSettings } from './device-with-settings.ts';
import { groupOf } from './rows.ts';

type Joining = Pick<ForeseenIntent, 'subscriber' | 'registration'>;

const groupOfTenant = compiledQuery((db, { label, tenant }: { label: string; tenant: string }) =>
  db
    .selectFrom('device_group')
    .innerJoin('tenant', 'tenant.id', 'device_group.tenant')
    .select(['device_group.label', 'device_group.tenant', 'device_group.settings'])
    .where('device_group.label', '=', label)
    .where('device_group.tenant', '=', tenant)
    .where('tenant.suspended', '=', 0),
);

/** Where a device that is not on record may join: its group, when the group takes such. */
export async function groupToJoin(
  db: Kysely<Database>,
  { registration }: Joining,
): Promise<Group | undefined> {
  if (!registration) return undefined;
  const { group: label = '', tenant = '' } = registration;
  const [row] = (await groupOfTenant(db, { label, tenant })).rows;
  const group = row && groupOf(row);
  // Where ids are assigned, the person who gives one registers the device.
  return group?.settings.identity === 'generated' ? group : undefined;
}

/** Whether a device that is not on record could be. */
export async function mayJoin(db: Kysely<Database>, intent: Joining): Promise<boolean> {
  // One that came to be on record in the meantime may be blocked by now.
  if (await deviceWithSettings(db, intent.subscriber ?? '')) return false;
  return (await groupToJoin(db, intent)) !== undefined;
}

export interface Newcomer {
  readonly id: string;
  readonly tenant: string;
  readonly group: string;
  readonly at: Date;
  readonly by: string;
  readonly requestId?: string;
}

export async function insertNewcomer(
  transaction: Kysely<Database>,
  { id, tenant, group, at, by, requestId }: Newcomer,
): Promise<void> {
  await transaction
    .insertInto('device')
    .values({
      id,
      tenant,
      device_group: group,
      serial_number: null,
      names: '[]',
      status: 'active',
      role: 'device',
      created_at: at.toISOString(),
      region: null,
      site: null,
      building: null,
    })
    .execute();
  await audit(transaction, {
    at,
    actor: by,
    action: 'device.added',
    object: id,
    ...(requestId === undefined ? {} : { requestId }),
    details: { tenant, group, role: 'device', newcomer: true },
  });
}
