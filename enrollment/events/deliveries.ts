import type { BestowEvent } from './event.ts';
import type { KnownWebhook } from './webhooks.ts';

export interface DueDelivery {
  readonly event: BestowEvent;
  /** That were made so far. */
  readonly attempts: number;
}

/** What came of one attempt. */
export interface AttemptOutcome {
  readonly sequence: number;
  readonly at: Date;
  readonly status?: number;
  readonly problem?: string;
  /** When it is tried again; absent where it is delivered or given up. */
  readonly nextAttemptAt?: Date;
  readonly delivered: boolean;
}

/** A turn: for its time, one process alone delivers to a webhook. */
export interface Turn {
  readonly webhook: string;
  /** Names the process. */
  readonly by: string;
  readonly at: Date;
  readonly until: Date;
  /** Deliveries at most. */
  readonly limit: number;
}

/** Port: what is to be delivered, and by whom. storage/ implements it. */
export interface Deliveries {
  /** Active webhooks for which there may be something to deliver; reads only. */
  waiting(at: Date): Promise<string[]>;
  /**
   * Takes the turn and finds what is due, in the order in which it happened.
   * @returns undefined where another has the turn, or the webhook is not active
   */
  begin(turn: Turn): Promise<(KnownWebhook & { readonly due: DueDelivery[] }) | undefined>;
  /** Records what came of it, and gives the turn back. */
  finish(turn: Pick<Turn, 'webhook' | 'by'>, outcomes: readonly AttemptOutcome[]): Promise<void>;
}
