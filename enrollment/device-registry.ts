import type { Device, DeviceContext, DeviceRole, PlaceChange } from './device.ts';
import type { Group } from './group.ts';
import type { Tenant } from './tenant.ts';

export interface NewDevice {
  readonly id: string;
  readonly tenant: string;
  /** Label; the tenant's first group when absent. */
  readonly group?: string;
  readonly serialNumber?: string;
  /** Who made it, where that is a manufacturer known here; then it has a serial number. */
  readonly manufacturer?: string;
  readonly names: readonly string[];
  /** A device, when left out. */
  readonly role?: DeviceRole;
  readonly region?: string;
  readonly site?: string;
  readonly building?: string;
  readonly context?: DeviceContext;
}

export type Addition<T> =
  | { readonly kind: 'added'; readonly value: T }
  | { readonly kind: 'exists'; readonly value: T }
  /** What it should belong to is not there, or belongs to another. */
  | { readonly kind: 'refused'; readonly reason: string };

export type DeviceAddition =
  | Addition<Device>
  /** What is said of it does not go together, or not with what is known of others. */
  | { readonly kind: 'contradiction'; readonly reason: string };

/** Port: which devices there are. storage/ implements it. */
export interface DeviceRegistry {
  add(device: NewDevice, by: string, at: Date): Promise<DeviceAddition>;
  find(id: string): Promise<{ device: Device; tenant: Tenant; group: Group } | undefined>;
  /** In the order of their ids. @param filter.after id of the last one that is known */
  list(filter: {
    tenant?: string;
    group?: string;
    after?: string;
    limit: number;
  }): Promise<Device[]>;
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
   * @returns the device as it is now, or undefined if there is none
   * @throws TypeError with a sentence where its context would grow too large
   */
  setPlace(id: string, change: PlaceChange, by: string, at: Date): Promise<Device | undefined>;
  /** @returns the device as it is now, or undefined if there is none */
  setQuarantine(
    id: string,
    quarantined: boolean,
    by: string,
    at: Date,
  ): Promise<Device | undefined>;
  /**
   * Takes the device out of the registry: its passwords and its certificates (cessationOfOperation) are revoked and its
   * approvals expire, so that a later device of the same name does not inherit them. @returns false if there is none
   */
  remove(id: string, by: string, at: Date): Promise<boolean>;
}
