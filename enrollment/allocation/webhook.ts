/**
 * Allocation by somebody else's program: what it is asked, what it may answer, and what counts when it does not. The type
 * alone: whoever calls it signs the request (Standard Webhooks), keeps to public addresses, and does so before the decision,
 * which waits for nobody.
 */

export interface WebhookAllocation {
  readonly allocate: 'webhook';
  /** https. */
  readonly url: string;
  /** Milliseconds. */
  readonly timeLimit: number;
  /** When no good answer came in time: refused, or these endpoints. */
  readonly otherwise: 'refuse' | { readonly endpoints: readonly string[] };
}

export interface WebhookQuestion {
  readonly device: string;
  readonly tenant: string;
  readonly group: string;
  readonly region?: string;
  readonly site?: string;
  readonly building?: string;
  readonly context?: Readonly<Record<string, string>>;
  readonly source?: string;
}

/** Endpoints are checked as an operator's are. */
export type WebhookAnswer = { readonly endpoints: readonly string[] } | { readonly refuse: string };
