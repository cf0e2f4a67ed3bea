import type { Kysely } from 'kysely';
import type { Device } from '../enrollment/device.ts';
import type { GroupSettings } from '../enrollment/group-settings.ts';
import type { Database } from './database.ts';
import { deviceOf, groupOf } from './rows.ts';

/** A device and how its group enrolls, as they are now. */
export async function deviceWithSettings(
  db: Kysely<Database>,
  id: string,
): Promise<{ device: Device; settings: GroupSettings } | undefined> {
  const row = await db
    .selectFrom('device')
    .innerJoin('device_group', 'device_group.label', 'device.device_group')
    .selectAll('device')
    .select('device_group.settings')
    .where('device.id', '=', id)
    .executeTakeFirst();
  if (!row) return undefined;
  const { settings } = groupOf({ ...row, label: row.device_group });
  return { device: deviceOf(row), settings };
}
