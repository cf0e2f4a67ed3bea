import type { Campaign } from './campaign.ts';

/** Devices whose turn it is. */
export interface Release {
  readonly name: string;
  /** `Campaign.nextReleaseAt` by which it was judged that they are due; another process may have come first. */
  readonly scheduledAt: Date;
  /** From which the next release is counted. */
  readonly from: Date;
  readonly turns: readonly Turn[];
  readonly at: Date;
}

export interface Turn {
  readonly device: string;
  /** Why it would get no certificate in its new place. */
  readonly objection?: string;
}

/** What came of a renewal after the release. */
export interface Arrival {
  readonly device: string;
  readonly moved: boolean;
  /** Why it has not moved though it has renewed. */
  readonly reason?: string;
}

/** Port: how campaigns go on, step by step; each step is one transaction. storage/ implements it. */
export interface CampaignTurns {
  /** Those that have not ended. */
  unfinished(): Promise<Campaign[]>;
  /** The next devices that wait for their turn. */
  planned(name: string, limit: number): Promise<string[]>;
  /**
   * Gives devices their new place, unless somebody else changed it since the campaign was made.
   * @returns how many were released; undefined where the campaign does not run, or another process came first
   */
  release(release: Release): Promise<number | undefined>;
  /** Released devices that have got a certificate since, and were not looked at after `before`. */
  renewed(name: string, before: Date, limit: number): Promise<string[]>;
  settle(name: string, arrivals: readonly Arrival[], at: Date): Promise<void>;
  /**
   * Gives devices of a campaign that is rolled back their old place, unless somebody else changed it since.
   * @returns whether there are more
   */
  restore(name: string, limit: number, at: Date): Promise<boolean>;
}
