import type { AllocationPolicy } from './allocation-policy.ts';

export interface PolicyOnRecord {
  /** Of the group. */
  readonly label: string;
  readonly policy: AllocationPolicy;
  readonly setAt: Date;
  readonly setBy: string;
}

export interface EndpointDown {
  readonly endpoint: string;
  readonly since: Date;
  readonly by: string;
}

/** Port: what operators have said of where devices go. storage/ implements it. */
export interface AllocationDirectory {
  /** Grows with each change of what is here. */
  revision(): Promise<number>;
  /** All that were set, by label. */
  policies(): Promise<PolicyOnRecord[]>;
  /** @param policy undefined for the usual one @returns false if there is no such group */
  setPolicy(
    label: string,
    policy: AllocationPolicy | undefined,
    by: string,
    at: Date,
  ): Promise<boolean>;
  /** Endpoints that are marked down. */
  down(): Promise<EndpointDown[]>;
  /** @returns false if it is marked so already */
  mark(endpoint: string, state: 'up' | 'down', by: string, at: Date): Promise<boolean>;
}
