import type { Device } from './device.ts';
import type { Addition } from './device-registry.ts';
import type { Group } from './group.ts';
import type { Manufacturer } from './manufacturer.ts';
import type { Tenant } from './tenant.ts';

export type ManufacturerRemoval =
  | { readonly kind: 'removed'; readonly devices: number }
  /** Devices name it. */
  | { readonly kind: 'in-use'; readonly devices: number }
  | { readonly kind: 'unknown' };

/** A factory certificate whose key is not the one that its device is pinned to, or is another device's. */
export interface ForeignFactoryKey {
  readonly device: string;
  /** SHA-256 of the SubjectPublicKeyInfo, hexadecimal. */
  readonly publicKeyDigest: string;
  readonly source: string;
  readonly requestId: string;
  readonly at: Date;
}

/** Port: manufacturers, and the devices that they made. storage/ implements it. */
export interface ManufacturerDirectory {
  /** Refused where a trust anchor's key is another manufacturer's, or a tenant is not there. */
  add(manufacturer: Manufacturer, by: string, at: Date): Promise<Addition<Manufacturer>>;
  find(id: string): Promise<Manufacturer | undefined>;
  list(): Promise<Manufacturer[]>;
  /** @param force also where devices name it; they lose their factory identity, and keep their certificates */
  remove(id: string, force: boolean, by: string, at: Date): Promise<ManufacturerRemoval>;
  /** The device that the registry lists under this number. */
  deviceOf(
    manufacturer: string,
    serialNumber: string,
  ): Promise<{ device: Device; tenant: Tenant; group: Group } | undefined>;
  /** Puts it on record, once for each key that a device is shown to have in a row. */
  reportForeignKey(key: ForeignFactoryKey): Promise<void>;
  /**
   * Lets a device enroll by its factory certificate once more.
   * @param unpin also with another factory key
   * @returns the device as it is now, or undefined if there is none
   */
  reset(device: string, unpin: boolean, by: string, at: Date): Promise<Device | undefined>;
}
