/** The last step of a delivery: the way to whoever is told. */

import type { EventContent } from './cloud-event.ts';

/** An event as it leaves, whichever way it takes. */
export interface OutgoingEvent {
  readonly content: EventContent;
  /** CloudEvents JSON, of which every octet is signed. */
  readonly body: string;
  /** `webhook-id`, `webhook-timestamp` and `webhook-signature` (Standard Webhooks 1.0). */
  readonly signature: Readonly<Record<string, string>>;
}

/** What was answered. */
export interface Receipt {
  readonly delivered: boolean;
  /** For operators, to go on after "the receiver". */
  readonly said: string;
  /** Of HTTP. */
  readonly status?: number;
}

/** One receiver for one turn; events go to it one after the other. */
export interface EventReceiver {
  /** @throws Error, with a sentence, where nothing was answered */
  deliver(event: OutgoingEvent): Promise<Receipt>;
  /** Lets go of the connection, if there is one. */
  close(): void;
}

/** Port: the ways out, by the scheme of the URL. */
export interface EventReceivers {
  /**
   * Connects to nothing yet.
   * @param timeout milliseconds for each event, with all that it takes
   */
  open(url: string, timeout: number): EventReceiver;
}
