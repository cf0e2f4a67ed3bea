import { type Kysely, type Selectable, sql } from 'kysely';
import {
  type Campaign,
  describePlace,
  type MemberState,
  type Place,
  placeOf,
  samePlace,
} from '../enrollment/campaigns/campaign.ts';
import type {
  Arrival,
  CampaignTurns,
  Release,
  Turn,
} from '../enrollment/campaigns/campaign-turns.ts';
import { dueAfter } from '../enrollment/campaigns/pace.ts';
import { audit } from './audit-trail.ts';
import { campaignById, campaignOf, endCampaign } from './campaign-rows.ts';
import type { CampaignDeviceTable, Database, DeviceTable } from './database.ts';
import { deviceOf } from './rows.ts';
import type { Transactions } from './transactions.ts';

type Transaction = Kysely<Database>;
type MemberRow = Selectable<CampaignDeviceTable>;

export class SqlCampaignTurns implements CampaignTurns {
  readonly #transactions: Transactions;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  async unfinished(): Promise<Campaign[]> {
    const rows = await this.#transactions.read
      .selectFrom('campaign')
      .selectAll()
      .where('state', 'in', ['running', 'paused', 'rolling-back'])
      .orderBy('created_at')
      .execute();
    return rows.map(campaignOf);
  }

  async planned(name: string, limit: number): Promise<string[]> {
    const rows = await this.#transactions.read
      .selectFrom('campaign_device')
      .select('device')
      .where('campaign', '=', name)
      .where('state', '=', 'planned')
      .orderBy('position')
      .limit(limit)
      .execute();
    return rows.map(({ device }) => device);
  }

  release({ name, scheduledAt, from, turns, at }: Release): Promise<number | undefined> {
    return this.#transactions.write(async (transaction) => {
      // Of any number of processes that judged by the same schedule, one finds it as it was.
      const taken = await transaction
        .updateTable('campaign')
        .set({ next_release_at: from.toISOString() })
        .where('name', '=', name)
        .where('state', '=', 'running')
        .where('next_release_at', '=', scheduledAt.toISOString())
        .returningAll()
        .executeTakeFirst();
      if (!taken) return undefined;
      const campaign = campaignOf(taken);
      let released = 0;
      for (const turn of turns) if (await releaseOne(transaction, campaign, turn, at)) released++;
      const next = dueAfter(from, released, campaign.pace);
      await transaction
        .updateTable('campaign')
        .set({ next_release_at: next.toISOString() })
        .where('name', '=', name)
        .execute();
      await finishWhenDone(transaction, name, at);
      return released;
    });
  }

  async renewed(name: string, before: Date, limit: number): Promise<string[]> {
    const rows = await this.#transactions.read
      .selectFrom('campaign_device')
      .select('device')
      .where('campaign', '=', name)
      // Written out, so that the index over these rows alone is used.
      .where(sql<boolean>`state = 'released' and renewed is not null`)
      .where((eb) =>
        eb.or([eb('checked_at', 'is', null), eb('checked_at', '<=', before.toISOString())]),
      )
      .limit(limit)
      .execute();
    return rows.map(({ device }) => device);
  }

  settle(name: string, arrivals: readonly Arrival[], at: Date): Promise<void> {
    return this.#transactions.write(async (transaction) => {
      const now = at.toISOString();
      for (const { device, moved, reason } of arrivals)
        await transaction
          .updateTable('campaign_device')
          .set(
            moved
              ? { state: 'moved', moved_at: now, reason: null }
              : { checked_at: now, reason: reason ?? null },
          )
          .where('campaign', '=', name)
          .where('device', '=', device)
          .where('state', '=', 'released')
          .execute();
      await finishWhenDone(transaction, name, at);
    });
  }

  restore(name: string, limit: number, at: Date): Promise<boolean> {
    return this.#transactions.write(async (transaction) => {
      const campaign = await campaignById(transaction, name);
      if (campaign?.state !== 'rolling-back') return false;
      const members = await transaction
        .selectFrom('campaign_device')
        .selectAll()
        .where('campaign', '=', name)
        .where('state', 'in', ['released', 'moved'])
        .orderBy('position')
        .limit(limit)
        .execute();
      for (const member of members) await restoreOne(transaction, campaign, member, at);
      if (members.length === limit) return true;
      await endCampaign(transaction, name, 'rolled-back', at);
      const action = 'campaign.rolled-back';
      await audit(transaction, { at, actor: 'server', action, object: name });
      return false;
    });
  }
}

/** @returns whether it has its new place */
async function releaseOne(
  transaction: Transaction,
  campaign: Campaign,
  { device, objection }: Turn,
  at: Date,
): Promise<boolean> {
  const member = await transaction
    .selectFrom('campaign_device')
    .selectAll()
    .where('campaign', '=', campaign.name)
    .where('device', '=', device)
    .where('state', '=', 'planned')
    .executeTakeFirst();
  if (!member) return false;
  const former: Place = JSON.parse(member.former);
  const row = await deviceRow(transaction, device);
  const changed = changeSince(row, campaign, former) ?? blockedSince(row);
  if (changed !== undefined) {
    await setMember(transaction, member, 'skipped', { reason: changed, active: 0 });
    return false;
  }
  if (objection !== undefined) {
    await setMember(transaction, member, 'failed', { reason: objection, active: 0 });
    return false;
  }
  await setPlace(transaction, campaign, device, campaign.change, at);
  await setMember(transaction, member, 'released', { released_at: at.toISOString() });
  return true;
}

async function restoreOne(
  transaction: Transaction,
  campaign: Campaign,
  member: MemberRow,
  at: Date,
): Promise<void> {
  const { device } = member;
  const row = await deviceRow(transaction, device);
  const reason =
    changeSince(row, campaign, campaign.change) ??
    (await elsewhereSince(transaction, campaign, device));
  if (reason !== undefined) return setMember(transaction, member, 'kept', { reason });
  await setPlace(transaction, campaign, device, JSON.parse(member.former), at);
  await setMember(transaction, member, 'restored', { reason: null });
}

function deviceRow(
  transaction: Transaction,
  device: string,
): Promise<Selectable<DeviceTable> | undefined> {
  return transaction.selectFrom('device').selectAll().where('id', '=', device).executeTakeFirst();
}

/** What somebody else did to the device, in a sentence; undefined where it is as the campaign left it. */
function changeSince(
  row: Selectable<DeviceTable> | undefined,
  { change, createdAt }: Campaign,
  expected: Place,
): string | undefined {
  if (!row) return 'it is no longer registered';
  if (row.created_at > createdAt.toISOString()) return 'it was removed and registered anew';
  const place = placeOf(deviceOf(row), change);
  return samePlace(place, expected)
    ? undefined
    : `it is in ${describePlace(place)}, and the campaign had it in ${describePlace(expected)}`;
}

function blockedSince(row: Selectable<DeviceTable> | undefined): string | undefined {
  return row?.status === 'active' ? undefined : 'it is blocked';
}

/** A campaign that had ended is rolled back, and the device is in another one by now. */
async function elsewhereSince(
  transaction: Transaction,
  { name }: Campaign,
  device: string,
): Promise<string | undefined> {
  const other = await transaction
    .selectFrom('campaign_device')
    .select('campaign')
    .where('device', '=', device)
    .where('active', '=', 1)
    .where('campaign', '<>', name)
    .executeTakeFirst();
  return other && `it is in the campaign ${other.campaign}`;
}

async function setPlace(
  transaction: Transaction,
  { name, change }: Campaign,
  device: string,
  place: Place,
  at: Date,
): Promise<void> {
  await transaction
    .updateTable('device')
    .set('region' in place ? { region: place.region } : { quarantined: place.quarantined ? 1 : 0 })
    .where('id', '=', device)
    .execute();
  const action =
    'region' in place
      ? 'device.place-set'
      : place.quarantined
        ? 'device.quarantined'
        : 'device.released';
  const details = { ...('region' in change ? place : {}), campaign: name };
  await audit(transaction, { at, actor: `campaign:${name}`, action, object: device, details });
}

async function setMember(
  transaction: Transaction,
  { campaign, device }: MemberRow,
  state: MemberState,
  values: { reason?: string | null; released_at?: string; active?: 0 },
): Promise<void> {
  await transaction
    .updateTable('campaign_device')
    .set({ state, ...values })
    .where('campaign', '=', campaign)
    .where('device', '=', device)
    .execute();
}

async function finishWhenDone(transaction: Transaction, name: string, at: Date): Promise<void> {
  const left = await transaction
    .selectFrom('campaign_device')
    .select('device')
    .where('campaign', '=', name)
    .where('state', 'in', ['planned', 'released'])
    .limit(1)
    .executeTakeFirst();
  const campaign = left ? undefined : await campaignById(transaction, name);
  if (campaign?.state !== 'running' && campaign?.state !== 'paused') return;
  await endCampaign(transaction, name, 'finished', at);
  const action = 'campaign.finished';
  await audit(transaction, { at, actor: 'server', action, object: name });
}
