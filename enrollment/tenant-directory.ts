import type { Addition } from './device-registry.ts';
import type { Group } from './group.ts';
import type { GroupSettings } from './group-settings.ts';
import type { Tenant } from './tenant.ts';

export interface NewTenant {
  readonly id: string;
  readonly endpoints: readonly string[];
  /** Label of its first group. */
  readonly label: string;
  /** Issuer of that group; the default one when left out. */
  readonly issuer?: string;
}

export type SettingsChange =
  | { readonly kind: 'changed'; readonly group: Group }
  | { readonly kind: 'unknown' }
  /** The settings would contradict each other. */
  | { readonly kind: 'refused'; readonly reason: string };

/** Port: which tenants there are, and their groups. storage/ implements it. */
export interface TenantDirectory {
  add(tenant: NewTenant, by: string, at: Date): Promise<Addition<Tenant>>;
  find(id: string): Promise<{ tenant: Tenant; groups: Group[] } | undefined>;
  list(): Promise<Tenant[]>;
  setEndpoints(
    id: string,
    endpoints: readonly string[],
    by: string,
    at: Date,
  ): Promise<Tenant | undefined>;
  /** @param endpoints for its devices in quarantine; with none they are refused */
  setQuarantine(
    id: string,
    endpoints: readonly string[],
    by: string,
    at: Date,
  ): Promise<Tenant | undefined>;
  groupOf(label: string): Promise<Group | undefined>;
  /** All groups, or those of one tenant. */
  groups(filter: { tenant?: string }): Promise<Group[]>;
  addGroup(group: Group, by: string, at: Date): Promise<Addition<Group>>;
  changeSettings(
    label: string,
    changes: Partial<GroupSettings>,
    by: string,
    at: Date,
  ): Promise<SettingsChange>;
}
