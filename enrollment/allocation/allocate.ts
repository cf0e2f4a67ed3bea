/**
 * Where a device belongs: the one place that says which upstream endpoints stand in a certificate, and in which order.
 * Nothing is asked or awaited here; the same facts and policies give the same endpoints in every process. Where a webhook
 * decides, it is named, and whoever needs the endpoints asks it.
 */

import { Refusal } from '../../ca/refusal.ts';
import type { Caller } from '../authenticator.ts';
import type { EnrollmentRefusalCode } from '../refusal.ts';
import {
  type AllocationPolicy,
  type FoundRegions,
  type OwnPlacement,
  type Placement,
  type RegionPolicy,
  usualPolicy,
  webhooksOf,
} from './allocation-policy.ts';
import { allocateFailover } from './failover.ts';
import { allocateFixed } from './fixed.ts';
import { allocatePerTenant } from './per-tenant.ts';
import { type RegionFacts, type RegionReader, regionReader } from './region.ts';
import { allocateWeighted } from './weighted-hash.ts';

/** Of which device, and what is known of its request. */
export type AllocationCase = Pick<
  Caller,
  'device' | 'tenant' | 'group' | 'certificate' | 'factorySubject' | 'foundRegions'
> & {
  /** Where the device called from; absent where another asked in its place. */
  readonly source?: string;
};

/** @param source of the request: who asks in a device's place does not show where the device is */
export function allocationCase(caller: Caller, source: string): AllocationCase {
  return { ...caller, ...(caller.relayedBy ? {} : { source }) };
}

/** What a place gives. */
export interface Placed {
  readonly endpoints: readonly string[];
  /** The broker that the device's id chose, where it did. */
  readonly broker?: string;
}

/** A webhook that names the endpoints. */
export interface WebhookToAsk {
  readonly webhook: string;
  /** What counts while there is no good answer; absent where nothing does. */
  readonly otherwise?: Placed;
}

export interface Allocation extends Placed {
  /** Absolute URIs in order of preference; none where a webhook is to be asked. */
  readonly endpoints: readonly string[];
  readonly ask?: WebhookToAsk;
  /** What to keep on record for later requests. */
  readonly foundRegions?: FoundRegions;
  /** The region that decided, where one did. */
  readonly region?: string;
  /** Whether these are the quarantine's. */
  readonly quarantined: boolean;
}

/** A policy with its networks and sources made ready. */
export interface ReadyPolicy {
  readonly policy: AllocationPolicy;
  readonly readers: readonly RegionReader[];
  /** Whether there are devices for which a webhook is asked. */
  readonly asks: boolean;
}

/** What operators have said, as it is known at a moment. */
export interface AllocationRules {
  /** By label; a group that is not there has the usual policy. */
  readonly policies: ReadonlyMap<string, ReadyPolicy>;
  /** Endpoints that are marked as not available. */
  readonly down: ReadonlySet<string>;
}

export const noRules: AllocationRules = { policies: new Map(), down: new Set() };

export function readyPolicy(policy: AllocationPolicy): ReadyPolicy {
  return {
    policy,
    readers: policy.allocate === 'region' ? policy.regionFrom.map(regionReader) : [],
    asks: webhooksOf(policy).length > 0,
  };
}

const usual = readyPolicy(usualPolicy);

/** @throws Refusal device-quarantined, no-endpoint */
export function allocate(asked: AllocationCase, rules: AllocationRules): Allocation {
  const { device, tenant, group } = asked;
  const { policy, readers } = rules.policies.get(group.label) ?? usual;
  const foundRegions = foundIn(asked, readers);
  const kept = foundRegions ? { foundRegions } : {};
  if (device.quarantined) {
    const endpoints = policy.quarantine ?? tenant.quarantine;
    if (!endpoints) throw quarantined(asked);
    return { endpoints, ...kept, quarantined: true };
  }
  if (policy.allocate !== 'region')
    return { ...place(policy, asked, rules), ...kept, quarantined: false };
  const { region, unknown } = regionOf(asked, policy, readers);
  const placement = region === undefined ? policy.otherwise : policy.regions[region];
  if (!placement) throw nowhere(asked, unknown);
  return {
    ...place(placement, asked, rules),
    ...(region === undefined ? {} : { region }),
    ...kept,
    quarantined: false,
  };
}

/** Whom to ask about the endpoints of a device, and its region where that led there. @throws Refusal as `allocate` */
export function webhookToAsk(
  asked: AllocationCase,
  rules: AllocationRules,
): (WebhookToAsk & Pick<Allocation, 'region'>) | undefined {
  // Most groups ask nobody, and nothing is worked out a second time for them.
  if (!rules.policies.get(asked.group.label)?.asks) return undefined;
  const { ask, region } = allocate(asked, rules);
  return ask && { ...ask, ...(region === undefined ? {} : { region }) };
}

function place(
  placement: Placement,
  asked: AllocationCase,
  rules: AllocationRules,
): Pick<Allocation, 'endpoints' | 'broker' | 'ask'> {
  if (placement.allocate !== 'webhook') return placeHere(placement, asked, rules);
  const { webhook, otherwise } = placement;
  const fallback = otherwise === 'refuse' ? {} : { otherwise: placeHere(otherwise, asked, rules) };
  return { endpoints: [], ask: { webhook, ...fallback } };
}

function placeHere(
  placement: OwnPlacement,
  { device, tenant }: AllocationCase,
  { down }: AllocationRules,
): Placed {
  switch (placement.allocate) {
    case 'tenant':
      return { endpoints: allocatePerTenant(tenant) };
    case 'fixed':
      return { endpoints: allocateFixed(placement.endpoints) };
    case 'failover':
      return { endpoints: allocateFailover(placement.endpoints, down) };
    case 'weighted':
      return allocateWeighted(device.id, placement.brokers, placement.alternatives ?? 0, down);
  }
}

function factsOf(asked: AllocationCase): RegionFacts {
  const { device, group, certificate, factorySubject, source, foundRegions } = asked;
  const subject = factorySubject ?? certificate?.subject;
  return {
    ...(device.region === undefined ? {} : { region: device.region }),
    label: group.label,
    ...(subject ? { subject } : {}),
    ...(source === undefined ? {} : { source }),
    ...(foundRegions ? { found: foundRegions } : {}),
  };
}

/**
 * A region in the registry is an operator's word: where the policy does not know it, no other source is asked in its place.
 */
function regionOf(
  asked: AllocationCase,
  { regions, regionFrom }: RegionPolicy,
  readers: readonly RegionReader[],
): { region?: string; unknown?: string } {
  const facts = factsOf(asked);
  for (const [i, read] of readers.entries()) {
    const region = read(facts)?.region;
    if (region === undefined) continue;
    if (Object.hasOwn(regions, region)) return { region };
    if (regionFrom[i]?.from === 'registry') return { unknown: region };
  }
  return {};
}

/** What was found before stays, but for the network: that is where the device is now. */
function foundIn(
  asked: AllocationCase,
  readers: readonly RegionReader[],
): FoundRegions | undefined {
  const facts = factsOf(asked);
  const { network, ...lasting } = asked.foundRegions ?? {};
  const found: { certificate?: string; network?: string } = { ...lasting };
  for (const read of readers) {
    const each = read(facts);
    if (each?.by) found[each.by] = each.region;
  }
  if (asked.source === undefined && network !== undefined) found.network = network;
  return Object.keys(found).length > 0 ? found : undefined;
}

function quarantined({ device }: AllocationCase): Refusal<EnrollmentRefusalCode> {
  return new Refusal(
    'device-quarantined',
    `Device ${device.id} is in quarantine, and neither its group nor its tenant has quarantine endpoints.`,
  );
}

function nowhere(
  { device, group }: AllocationCase,
  unknown: string | undefined,
): Refusal<EnrollmentRefusalCode> {
  return new Refusal(
    'no-endpoint',
    unknown === undefined
      ? `The region of device ${device.id} is not known, and the group ${group.label} has no endpoints for devices of no region.`
      : `Device ${device.id} is of region ${unknown}, for which the group ${group.label} has no endpoints.`,
  );
}
