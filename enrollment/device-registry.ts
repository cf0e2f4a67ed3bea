import type { Device, DeviceRole } from './device.ts';
import type { Group } from './group.ts';
import type { Tenant } from './tenant.ts';

export interface NewDevice {
  readonly id: string;
  readonly tenant: string;
  /** Label; the tenant's first group when absent. */
  readonly group?: string;
  readonly serialNumber?: string;
  readonly names: readonly string[];
  /** A device, when left out. */
  readonly role?: DeviceRole;
}

export type Addition<T> =
  | { readonly kind: 'added'; readonly value: T }
  | { readonly kind: 'exists'; readonly value: T }
  /** What it should belong to is not there, or belongs to another. */
  | { readonly kind: 'refused'; readonly reason: string };

export type DeviceAddition =
  | Addition<Device>
  /** Its role and its group do not go together. */
  | { readonly kind: 'contradiction'; readonly reason: string };

/** Port: which devices there are. storage/ implements it. */
export interface DeviceRegistry {
  add(device: NewDevice, by: string, at: Date): Promise<DeviceAddition>;
  find(id: string): Promise<{ device: Device; tenant: Tenant; group: Group } | undefined>;
  list(filter: { tenant?: string; limit: number }): Promise<Device[]>;
  /** @returns the device as it is now, or undefined if there is none */
  setStatus(
    id: string,
    status: Device['status'],
    by: string,
    at: Date,
  ): Promise<Device | undefined>;
  /** @returns the device as it is now, or undefined if there is none */
  setNames(id: string, names: readonly string[], by: string, at: Date): Promise<Device | undefined>;
  /**
   * Takes the device out of the registry: its passwords and its certificates (cessationOfOperation) are revoked and its
   * approvals expire, so that a later device of the same name does not inherit them. @returns false if there is none
   */
  remove(id: string, by: string, at: Date): Promise<boolean>;
}
