import type { Tenant } from '../tenant.ts';

/** Every device of a tenant gets the tenant's endpoints, in the tenant's order. */
export function allocatePerTenant(tenant: Pick<Tenant, 'endpoints'>): readonly string[] {
  return tenant.endpoints;
}
