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

export interface KnownDevice {
  readonly device: Device;
  readonly tenant: Tenant;
  readonly group: Group;
}

/** A key that came in the name of a device and is not the one that the device is known by. */
export interface ForeignKey {
  readonly device: string;
  /** SHA-256 of the SubjectPublicKeyInfo, hexadecimal. */
  readonly publicKeyDigest: string;
  readonly source: string;
  readonly requestId: string;
  readonly at: Date;
}

/** Port: which devices there are. storage/ implements it. */
export interface DeviceRegistry {
  add(device: NewDevice, by: string, at: Date): Promise<DeviceAddition>;
  find(id: string): Promise<KnownDevice | undefined>;
  /** The device of the group that is known by this key. */
  findByFirstKey(group: string, publicKeyDigest: string): Promise<KnownDevice | undefined>;
  /** Puts on record that another key came in the name of a device; the same one in a row once. */
  reportForeignKey(key: ForeignKey): Promise<void>;
  /** Forgets the key that a device is known by: the next one takes its place. @returns the device, or undefined if none */
  resetKey(id: string, by: string, at: Date): Promise<Device | undefined>;
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
