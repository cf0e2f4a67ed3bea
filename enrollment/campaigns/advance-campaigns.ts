import type { IssuanceLedger } from '../../ca/issuance-ledger.ts';
import type { AllocationRules } from '../allocation/allocate.ts';
import { lastCertificateOf, renewalCase } from '../allocation/last-certificate.ts';
import { prospectOf } from '../allocation/prospect.ts';
import type { DeviceRegistry } from '../device-registry.ts';
import { type Campaign, inNewPlace } from './campaign.ts';
import type { Arrival, CampaignTurns, Turn } from './campaign-turns.ts';
import { dueReleases } from './pace.ts';

export interface AdvanceParts {
  readonly turns: CampaignTurns;
  readonly devices: Pick<DeviceRegistry, 'find'>;
  readonly ledger: Pick<IssuanceLedger, 'list'>;
  /** Dotted. */
  readonly endpointArc: string;
}

const mostArrivals = 200;
const mostRestored = 500;
/** Milliseconds after which a device is looked at again that has renewed and not moved. */
const lookAgainMs = 60_000;
const mostCertificates = 20;

/**
 * Takes every campaign one step on: releases what is due, and sees who has moved. What it knows is on record, so that it may be
 * called by several processes, and cut short anywhere.
 */
export async function advanceCampaigns(
  parts: AdvanceParts,
  rules: AllocationRules,
  now: Date,
): Promise<void> {
  for (const campaign of await parts.turns.unfinished()) {
    if (campaign.state === 'rolling-back') {
      await parts.turns.restore(campaign.name, mostRestored, now);
      continue;
    }
    if (campaign.state === 'running') await releaseDue(campaign, parts, rules, now);
    await settleRenewed(campaign, parts, rules, now);
  }
}

async function releaseDue(
  campaign: Campaign,
  parts: AdvanceParts,
  rules: AllocationRules,
  now: Date,
): Promise<void> {
  const { name, nextReleaseAt: scheduledAt } = campaign;
  const { count, from } = dueReleases(campaign, now);
  if (count === 0) return;
  const planned = await parts.turns.planned(name, count);
  if (planned.length === 0) return;
  const turns: Turn[] = [];
  for (const device of planned) turns.push(await turnOf(device, campaign, parts, rules, now));
  await parts.turns.release({ name, scheduledAt, from, turns, at: now });
}

/** A device that would be refused where it is sent to is better off where it is. */
async function turnOf(
  device: string,
  { change }: Campaign,
  parts: AdvanceParts,
  rules: AllocationRules,
  now: Date,
): Promise<Turn> {
  const known = await parts.devices.find(device);
  if (!known) return { device };
  const last = await lastOf(device, parts, now);
  const there = { ...known, device: inNewPlace(known.device, change) };
  const prospect = prospectOf(renewalCase(there, last), rules);
  return 'refusal' in prospect ? { device, objection: prospect.refusal } : { device };
}

async function settleRenewed(
  { name }: Campaign,
  parts: AdvanceParts,
  rules: AllocationRules,
  now: Date,
): Promise<void> {
  const before = new Date(now.getTime() - lookAgainMs);
  const renewed = await parts.turns.renewed(name, before, mostArrivals);
  if (renewed.length === 0) return;
  const arrivals: Arrival[] = [];
  for (const device of renewed) arrivals.push(await arrivalOf(device, parts, rules, now));
  await parts.turns.settle(name, arrivals, now);
}

/** Where a webhook decides, nobody can say what should stand there; and a certificate may have no place for endpoints. */
async function arrivalOf(
  device: string,
  parts: AdvanceParts,
  rules: AllocationRules,
  now: Date,
): Promise<Arrival> {
  const known = await parts.devices.find(device);
  const last = known && (await lastOf(device, parts, now));
  if (!known || !last) return { device, moved: false, reason: 'it has no valid certificate' };
  const prospect = prospectOf(renewalCase(known, last), rules);
  if ('refusal' in prospect) return { device, moved: false, reason: prospect.refusal };
  const got = last.endpoints.join(', ');
  const should = prospect.endpoints.join(', ');
  if (prospect.ask || got === '' || got === should) return { device, moved: true };
  const reason = `its certificate says ${got}, and its next one would say ${should}`;
  return { device, moved: false, reason };
}

async function lastOf(device: string, { ledger, endpointArc }: AdvanceParts, now: Date) {
  const records = await ledger.list({ subscriber: device, limit: mostCertificates });
  return lastCertificateOf(records, endpointArc, now);
}
