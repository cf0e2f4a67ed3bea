import type { Kysely } from 'kysely';
import type { Device } from '../enrollment/device.ts';
import type { GroupSettings } from '../enrollment/group-settings.ts';
import { compiledQuery } from './compiled-query.ts';
import type { Database } from './database.ts';
import { deviceOf, groupOf } from './rows.ts';

const deviceAndGroup = compiledQuery((db, { id }: { id: string }) =>
  db
    .selectFrom('device')
    .innerJoin('device_group', 'device_group.label', 'device.device_group')
    .selectAll('device')
    .select('device_group.settings')
    .where('device.id', '=', id),
);

/** A device and how its group enrolls, as they are now. */
export async function deviceWithSettings(
  db: Kysely<Database>,
  id: string,
): Promise<{ device: Device; settings: GroupSettings } | undefined> {
  const [row] = (await deviceAndGroup(db, { id })).rows;
  if (!row) return undefined;
  const { settings } = groupOf({ ...row, label: row.device_group });
  return { device: deviceOf(row), settings };
}
