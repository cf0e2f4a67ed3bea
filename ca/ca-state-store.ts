/**
 * Port: the states of the CA, one after the other. storage/ implements it.
 */

import type { CaState } from './ca-state.ts';

export interface CaStateRecord {
  /** 0 before there was a CA. */
  readonly version: number;
  readonly state: CaState;
}

/** What was done, for the audit log. */
export interface CaStateChange {
  readonly at: Date;
  /** Who did it. */
  readonly by: string;
  /** Such as `ca.rollover-activated`. */
  readonly action: string;
  readonly object: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface CaStateStore {
  load(): Promise<CaStateRecord>;
  /** Of the newest state; 0 while there is none. */
  version(): Promise<number>;
  /**
   * Stores the state that follows `version`, with its audit entry.
   * @returns false if there is another one since: then nothing is stored
   */
  save(version: number, state: CaState, change: CaStateChange): Promise<boolean>;
}
