import type { Device } from './device.ts';
import type { Addition, ForeignKey, KnownDevice } from './device-registry.ts';
import type { Manufacturer } from './manufacturer.ts';

export type ManufacturerRemoval =
  | { readonly kind: 'removed'; readonly devices: number }
  /** Devices name it. */
  | { readonly kind: 'in-use'; readonly devices: number }
  | { readonly kind: 'unknown' };

/** Port: manufacturers, and the devices that they made. storage/ implements it. */
export interface ManufacturerDirectory {
  /** Refused where a trust anchor's key is another manufacturer's, or a tenant is not there. */
  add(manufacturer: Manufacturer, by: string, at: Date): Promise<Addition<Manufacturer>>;
  find(id: string): Promise<Manufacturer | undefined>;
  list(): Promise<Manufacturer[]>;
  /** @param force also where devices name it; they lose their factory identity, and keep their certificates */
  remove(id: string, force: boolean, by: string, at: Date): Promise<ManufacturerRemoval>;
  /** The device that the registry lists under this number. */
  deviceOf(manufacturer: string, serialNumber: string): Promise<KnownDevice | undefined>;
  /** Puts on record that a factory certificate of a device has another key; once for each in a row. */
  reportForeignKey(key: ForeignKey): Promise<void>;
  /**
   * Lets a device enroll by its factory certificate once more.
   * @param unpin also with another factory key
   * @returns the device as it is now, or undefined if there is none
   */
  reset(device: string, unpin: boolean, by: string, at: Date): Promise<Device | undefined>;
}
