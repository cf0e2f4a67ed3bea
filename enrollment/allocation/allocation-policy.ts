/**
 * What an operator says of a group: which upstream endpoints its devices get. Data; check-allocation-policy.ts says what
 * makes sense, allocate.ts what comes of it.
 */

import type { SubjectAttribute } from '../../ca/subject-template.ts';

/** One of the places that the load is divided over. */
export interface Broker {
  /** What devices are divided by, so that a new address moves nobody. */
  readonly id: string;
  /** Its share is its weight among those of all; one of weight 0 gets nobody. */
  readonly weight: number;
  /** In order of preference. */
  readonly endpoints: readonly string[];
}

/** Endpoints that are known here, without asking where a device is. */
export type OwnPlacement =
  /** Those of the tenant. */
  | { readonly allocate: 'tenant' }
  /** These, as they stand. */
  | { readonly allocate: 'fixed'; readonly endpoints: readonly string[] }
  /** These; the ones marked down last. */
  | { readonly allocate: 'failover'; readonly endpoints: readonly string[] }
  /** Those of one broker, by the device's id, and of as many `alternatives` after it. */
  | {
      readonly allocate: 'weighted';
      readonly brokers: readonly Broker[];
      readonly alternatives?: number;
    };

/** Those that a webhook names when it is asked. */
export interface WebhookPlacement {
  readonly allocate: 'webhook';
  /** Its id. */
  readonly webhook: string;
  /** While there is no good answer: no certificate for now, or these. */
  readonly otherwise: 'refuse' | OwnPlacement;
}

export type Placement = OwnPlacement | WebhookPlacement;

/** Where a region may be read. Without `regions` what stands there is the region's name. */
export type RegionSource =
  /** The device's entry in the registry. */
  | { readonly from: 'registry' }
  /** The label of its group. */
  | { readonly from: 'label'; readonly regions?: Readonly<Record<string, string>> }
  /** An attribute in the subject of the certificate that it presents, or first presented. */
  | {
      readonly from: 'certificate';
      readonly field: SubjectAttribute;
      readonly regions?: Readonly<Record<string, string>>;
    }
  /** The network that it calls from: CIDR to region. */
  | { readonly from: 'network'; readonly networks: Readonly<Record<string, string>> };

export interface RegionPolicy {
  readonly allocate: 'region';
  /** Asked in this order; the first that knows a region among `regions` decides. */
  readonly regionFrom: readonly RegionSource[];
  readonly regions: Readonly<Record<string, Placement>>;
  /** For devices of no known region; they are refused without it. */
  readonly otherwise?: Placement;
}

export type AllocationPolicy = (Placement | RegionPolicy) & {
  /** What devices in quarantine get; the tenant's quarantine endpoints where it is left out. */
  readonly quarantine?: readonly string[];
};

/** The policy of a group for which nothing was set. */
export const usualPolicy: AllocationPolicy = { allocate: 'tenant' };

/** Regions that a request showed, kept on record with the certificate it brought: later requests may not show them again. */
export interface FoundRegions {
  readonly certificate?: string;
  readonly network?: string;
}

/** The webhooks that it may ask, each once. */
export function webhooksOf(policy: AllocationPolicy): string[] {
  const placements: (Placement | undefined)[] =
    policy.allocate === 'region' ? [...Object.values(policy.regions), policy.otherwise] : [policy];
  const asked = placements.flatMap((each) => (each?.allocate === 'webhook' ? [each.webhook] : []));
  return [...new Set(asked)];
}
