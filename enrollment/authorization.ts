/** Certificates that somebody outside must allow, before anything is spent or signed. */

export interface AuthorizationQuestion {
  /** The webhook that the group names. */
  readonly webhook: string;
  readonly device: string;
  readonly group: string;
  readonly tenant: string;
  /** What the registry knows of the device besides; no secret. */
  readonly context: Readonly<Record<string, unknown>>;
  /** SHA-256 of the SubjectPublicKeyInfo, hexadecimal; absent where the key is still to be made. */
  readonly publicKeyDigest?: string;
  /** The subject as text. */
  readonly subject: string;
  readonly names: readonly string[];
  readonly endpoints: readonly string[];
  readonly profile: string;
  /** Where the request came from: an IPv4 address, or an IPv6 /64 prefix. */
  readonly source: string;
  readonly requestId: string;
}

export type AuthorizationAnswer =
  | { readonly decision: 'allow' }
  /** The reason is fit for the device's engineer. */
  | { readonly decision: 'deny'; readonly reason: string };

/** Port: asks whoever a group says must be asked. server/events/ implements it. */
export interface Authorization {
  /** @throws Unavailable where there was no clear answer in time: then nothing is issued */
  ask(question: AuthorizationQuestion): Promise<AuthorizationAnswer>;
}
