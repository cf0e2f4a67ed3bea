/** Rows of campaigns into the values of the domain, and how one ends. */

import type { Kysely, Selectable } from 'kysely';
import type {
  Campaign,
  CampaignState,
  Member,
  MemberState,
} from '../enrollment/campaigns/campaign.ts';
import type { CampaignDeviceTable, CampaignTable, Database } from './database.ts';

export function campaignOf(row: Selectable<CampaignTable>): Campaign {
  return {
    name: row.name,
    change: JSON.parse(row.change),
    pace: { devices: row.pace_devices, seconds: row.pace_seconds },
    state: row.state as CampaignState,
    nextReleaseAt: new Date(row.next_release_at),
    createdAt: new Date(row.created_at),
    createdBy: row.created_by,
    ...(row.ended_at === null ? {} : { endedAt: new Date(row.ended_at) }),
  };
}

export function memberOf(row: Selectable<CampaignDeviceTable>): Member {
  return {
    device: row.device,
    state: row.state as MemberState,
    former: JSON.parse(row.former),
    ...(row.released_at === null ? {} : { releasedAt: new Date(row.released_at) }),
    ...(row.moved_at === null ? {} : { movedAt: new Date(row.moved_at) }),
    ...(row.reason === null ? {} : { reason: row.reason }),
  };
}

export async function campaignById(
  db: Kysely<Database>,
  name: string,
): Promise<Campaign | undefined> {
  const row = await db
    .selectFrom('campaign')
    .selectAll()
    .where('name', '=', name)
    .executeTakeFirst();
  return row && campaignOf(row);
}

/** Its devices may be in another one from now on; those whose turn did not come stay where they are. */
export async function endCampaign(
  transaction: Kysely<Database>,
  name: string,
  state: 'finished' | 'rolled-back',
  at: Date,
): Promise<void> {
  await transaction
    .updateTable('campaign')
    .set({ state, ended_at: at.toISOString() })
    .where('name', '=', name)
    .execute();
  await transaction
    .updateTable('campaign_device')
    .set({ state: 'left' })
    .where('campaign', '=', name)
    .where('state', '=', 'planned')
    .execute();
  await transaction
    .updateTable('campaign_device')
    .set({ active: 0 })
    .where('campaign', '=', name)
    .where('active', '=', 1)
    .execute();
}
