/** Who is told of events, or asked whether a device gets a certificate, or where it goes: addresses, what they want to know, and what to sign with. */

export const webhookPurposes = ['events', 'authorization', 'allocation'] as const;
export type WebhookPurpose = (typeof webhookPurposes)[number];

export interface NewWebhook {
  readonly id: string;
  readonly url: string;
  /** Told of events, asked for authorization, or for endpoints. */
  readonly purpose: WebhookPurpose;
  /** Types or patterns of types; none where the purpose is another. */
  readonly types: readonly string[];
  /** Events of this tenant alone; all where it is left out. */
  readonly tenant?: string;
}

export interface Webhook extends NewWebhook {
  readonly state: 'active' | 'disabled';
  /** Why it is disabled. */
  readonly reason?: string;
  readonly createdAt: Date;
}

export interface SealedSecret {
  readonly id: string;
  readonly sealed: Uint8Array;
  readonly createdAt: Date;
  /** Absent while nothing has taken its place. */
  readonly expiresAt?: Date;
}

export interface KnownWebhook {
  readonly webhook: Webhook;
  /** Newest first; those that have expired are left out. */
  readonly secrets: readonly SealedSecret[];
}

const identifier = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** @throws TypeError with a sentence */
export function checkWebhookId(id: string): string {
  if (!identifier.test(id))
    throw new TypeError(
      `"${id.slice(0, 80)}" cannot be the id of a webhook: use 1 to 63 small letters, digits and hyphens.`,
    );
  return id;
}

/** Secrets that may sign side by side. */
export const mostSecrets = 5;

export interface WebhookCounts {
  readonly pending: number;
  readonly delivered: number;
  /** Given up. */
  readonly dead: number;
}

export const deliveryStates = ['pending', 'delivered', 'dead'] as const;
export type DeliveryState = (typeof deliveryStates)[number];

export interface Delivery {
  readonly event: string;
  readonly type: string;
  readonly device?: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly attemptedAt?: Date;
  readonly nextAttemptAt?: Date;
  /** HTTP status of the last answer. */
  readonly status?: number;
  /** What was wrong with the last attempt. */
  readonly problem?: string;
}

/** What is to be delivered once more: events of a time, or what was given up. */
export type ReplayOrder = { readonly since: Date; readonly until?: Date } | { readonly dead: true };

/** Port: webhooks and what became of their deliveries. storage/ implements it. */
export interface Webhooks {
  /** It is told of what happens from now on. */
  add(webhook: NewWebhook, secret: Omit<SealedSecret, 'expiresAt'>, by: string): Promise<Webhook>;
  find(id: string, at: Date): Promise<KnownWebhook | undefined>;
  list(): Promise<Webhook[]>;
  /** @returns the webhook as it is now, or undefined if there is none */
  setState(
    id: string,
    state: Webhook['state'],
    change: { readonly reason?: string; readonly by: string; readonly at: Date },
  ): Promise<Webhook | undefined>;
  /**
   * Adds a secret; those there were end at `oldEnd`, or before as they would have.
   * @returns 'too-many' where `mostSecrets` sign already
   */
  rotate(
    id: string,
    secret: Omit<SealedSecret, 'expiresAt'>,
    change: { readonly oldEnd: Date; readonly by: string },
  ): Promise<'rotated' | 'unknown' | 'too-many'>;
  /** With its secrets and deliveries. @returns false if there is none */
  remove(id: string, by: string, at: Date): Promise<boolean>;
  /** Newest event first. */
  deliveries(id: string, filter: { state?: DeliveryState; limit: number }): Promise<Delivery[]>;
  counts(id: string): Promise<WebhookCounts>;
  /** @returns how many events are to be delivered again, or undefined if there is no such webhook */
  replay(id: string, order: ReplayOrder, by: string, at: Date): Promise<number | undefined>;
}
