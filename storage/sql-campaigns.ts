import type { Kysely, Selectable } from 'kysely';
import {
  type Campaign,
  type CampaignState,
  describePlace,
  type Member,
  type MemberState,
  mostDevices,
  placeOf,
  samePlace,
} from '../enrollment/campaigns/campaign.ts';
import type {
  CampaignCreation,
  CampaignOrder,
  CampaignProgress,
  Campaigns,
  NewCampaign,
} from '../enrollment/campaigns/campaigns.ts';
import { audit } from './audit-trail.ts';
import { campaignById, campaignOf, endCampaign, memberOf } from './campaign-rows.ts';
import type { CampaignDeviceTable, Database } from './database.ts';
import { deviceOf } from './rows.ts';
import type { Transactions } from './transactions.ts';

/** Rows that one statement takes. */
const atOnce = 500;

export class SqlCampaigns implements Campaigns {
  readonly #transactions: Transactions;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  create(
    campaign: NewCampaign,
    devices: readonly string[],
    by: string,
    at: Date,
  ): Promise<CampaignCreation> {
    return this.#transactions.write(async (transaction): Promise<CampaignCreation> => {
      const { name, change, pace } = campaign;
      if (await campaignById(transaction, name)) return { kind: 'exists' };
      const members = await membersOf(transaction, campaign, devices);
      if (typeof members === 'string') return { kind: 'refused', reason: members };
      await transaction
        .insertInto('campaign')
        .values({
          name,
          change: JSON.stringify(change),
          pace_devices: pace.devices,
          pace_seconds: pace.seconds,
          state: 'running',
          next_release_at: at.toISOString(),
          created_at: at.toISOString(),
          created_by: by,
          ended_at: null,
        })
        .execute();
      for (let i = 0; i < members.length; i += atOnce)
        await transaction
          .insertInto('campaign_device')
          .values(members.slice(i, i + atOnce))
          .execute();
      const details = { change, pace, devices: members.length };
      await audit(transaction, {
        at,
        actor: by,
        action: 'campaign.created',
        object: name,
        details,
      });
      const made = (await campaignById(transaction, name)) as Campaign;
      return { kind: 'created', campaign: { ...made, counts: { planned: members.length } } };
    });
  }

  async list(): Promise<CampaignProgress[]> {
    const { read } = this.#transactions;
    const rows = await read
      .selectFrom('campaign')
      .selectAll()
      .orderBy('created_at', 'desc')
      .execute();
    const counts = await countsOf(read);
    return rows.map((row) => ({ ...campaignOf(row), counts: counts.get(row.name) ?? {} }));
  }

  async find(name: string): Promise<CampaignProgress | undefined> {
    const { read } = this.#transactions;
    const campaign = await campaignById(read, name);
    return campaign && { ...campaign, counts: (await countsOf(read, name)).get(name) ?? {} };
  }

  async members(
    name: string,
    { state, limit }: { state?: MemberState; limit: number },
  ): Promise<Member[]> {
    let query = this.#transactions.read
      .selectFrom('campaign_device')
      .selectAll()
      .where('campaign', '=', name);
    if (state !== undefined) query = query.where('state', '=', state);
    return (await query.orderBy('position').limit(limit).execute()).map(memberOf);
  }

  async membershipOf(device: string): Promise<{ campaign: Campaign; member: Member } | undefined> {
    const { read } = this.#transactions;
    const row = await read
      .selectFrom('campaign_device')
      .selectAll()
      .where('device', '=', device)
      .where('active', '=', 1)
      .executeTakeFirst();
    const campaign = row && (await campaignById(read, row.campaign));
    return campaign && { campaign, member: memberOf(row) };
  }

  order(
    name: string,
    order: CampaignOrder,
    by: string,
    at: Date,
  ): Promise<{ campaign: Campaign; contradiction?: string } | undefined> {
    return this.#transactions.write(async (transaction) => {
      const campaign = await campaignById(transaction, name);
      if (!campaign) return undefined;
      if (!orders[order].from.includes(campaign.state))
        return { campaign, contradiction: `The campaign ${name} is ${campaign.state}.` };
      const { carry, action } = orders[order];
      await carry(transaction, campaign, at);
      await audit(transaction, { at, actor: by, action, object: name });
      return { campaign: (await campaignById(transaction, name)) as Campaign };
    });
  }
}

interface Order {
  /** The states in which it may come. */
  readonly from: readonly CampaignState[];
  readonly action: string;
  carry(transaction: Kysely<Database>, campaign: Campaign, at: Date): Promise<void>;
}

const orders: Readonly<Record<CampaignOrder, Order>> = {
  pause: {
    from: ['running'],
    action: 'campaign.paused',
    carry: (transaction, { name }) => setState(transaction, name, 'paused'),
  },
  resume: { from: ['paused'], action: 'campaign.resumed', carry: resume },
  finish: {
    from: ['running', 'paused'],
    action: 'campaign.finished',
    carry: (transaction, { name }, at) => endCampaign(transaction, name, 'finished', at),
  },
  'roll-back': {
    from: ['running', 'paused', 'finished'],
    action: 'campaign.roll-back-begun',
    carry: (transaction, { name }) => setState(transaction, name, 'rolling-back'),
  },
};

/** The time that it stood still counts for nothing. */
async function resume(
  transaction: Kysely<Database>,
  { name, nextReleaseAt }: Campaign,
  at: Date,
): Promise<void> {
  const next = nextReleaseAt > at ? nextReleaseAt : at;
  await transaction
    .updateTable('campaign')
    .set({ state: 'running', next_release_at: next.toISOString() })
    .where('name', '=', name)
    .execute();
}

async function setState(
  transaction: Kysely<Database>,
  name: string,
  state: CampaignState,
): Promise<void> {
  await transaction.updateTable('campaign').set({ state }).where('name', '=', name).execute();
}

/** @returns a sentence where they cannot be */
async function membersOf(
  transaction: Kysely<Database>,
  { name, change }: NewCampaign,
  devices: readonly string[],
): Promise<Selectable<CampaignDeviceTable>[] | string> {
  if (devices.length > mostDevices) return `A campaign has at most ${mostDevices} devices.`;
  if (devices.length === 0) return 'There is no device to move.';
  if (new Set(devices).size !== devices.length) return 'A device stands twice.';
  const members: Selectable<CampaignDeviceTable>[] = [];
  for (let i = 0; i < devices.length; i += atOnce) {
    const ids = devices.slice(i, i + atOnce);
    const busy = await transaction
      .selectFrom('campaign_device')
      .select(['device', 'campaign'])
      .where('device', 'in', ids)
      .where('active', '=', 1)
      .executeTakeFirst();
    if (busy)
      return `Device ${busy.device} is in the campaign ${busy.campaign}, which has not ended.`;
    const rows = await transaction
      .selectFrom('device')
      .selectAll()
      .where('id', 'in', ids)
      .execute();
    const known = new Map(rows.map((row) => [row.id, deviceOf(row)]));
    for (const [offset, device] of ids.entries()) {
      const found = known.get(device);
      if (!found) return `There is no device ${device}.`;
      const former = placeOf(found, change);
      if (samePlace(former, change))
        return `Device ${device} is in ${describePlace(change)} already.`;
      members.push({
        campaign: name,
        device,
        position: i + offset,
        state: 'planned',
        former: JSON.stringify(former),
        active: 1,
        ...{ released_at: null, moved_at: null, renewed: null, checked_at: null, reason: null },
      });
    }
  }
  return members;
}

async function countsOf(
  db: Kysely<Database>,
  name?: string,
): Promise<Map<string, Partial<Record<MemberState, number>>>> {
  let query = db
    .selectFrom('campaign_device')
    .select(({ fn }) => ['campaign', 'state', fn.countAll().as('count')])
    .groupBy(['campaign', 'state']);
  if (name !== undefined) query = query.where('campaign', '=', name);
  const counts = new Map<string, Partial<Record<MemberState, number>>>();
  for (const { campaign, state, count } of await query.execute())
    counts.set(campaign, { ...counts.get(campaign), [state]: Number(count) });
  return counts;
}
