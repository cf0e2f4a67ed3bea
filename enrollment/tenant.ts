/** Whose devices they are, and where those devices belong. */
export interface Tenant {
  readonly id: string;
  /** Upstream endpoints of the tenant's devices: absolute URIs in order of preference. */
  readonly endpoints: readonly string[];
  readonly suspended: boolean;
  /** What its devices in quarantine get instead, where that is set. */
  readonly quarantine?: readonly string[];
}

const identifier = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** @throws TypeError with a sentence */
export function checkTenantId(id: string): string {
  if (!identifier.test(id))
    throw new TypeError(
      `"${id}" cannot be a tenant id: use 1 to 63 lower-case letters, digits and inner hyphens.`,
    );
  return id;
}
