/** Endpoints that somebody else's program names: what it is asked, and what it may answer. */

export interface EndpointQuestion {
  /** The webhook that the policy names. */
  readonly webhook: string;
  readonly device: string;
  readonly group: string;
  readonly tenant: string;
  /** What the registry knows of the device besides; no secret. */
  readonly context: Readonly<Record<string, unknown>>;
  /** The region that led to the webhook, where one did. */
  readonly region?: string;
  /** SHA-256 of the SubjectPublicKeyInfo, hexadecimal; absent where the key is still to be made. */
  readonly publicKeyDigest?: string;
  /** The subject as text. */
  readonly subject?: string;
  readonly names?: readonly string[];
  readonly profile: string;
  /** Where the device called from: an IPv4 address, or an IPv6 /64 prefix; absent where another asked in its place. */
  readonly source?: string;
  readonly requestId: string;
  /** Whether somebody only wants to know: no certificate follows. */
  readonly dryRun?: true;
}

/** Endpoints are checked as those that an operator writes. The reason is fit for the device's engineer. */
export type EndpointAnswer =
  | { readonly endpoints: readonly string[] }
  | { readonly decision: 'deny'; readonly reason: string };

/** Port: asks the webhook that a policy names. server/events/ implements it. */
export interface EndpointWebhooks {
  /** @throws Unavailable where there was no good answer in time */
  ask(question: EndpointQuestion): Promise<EndpointAnswer>;
}
