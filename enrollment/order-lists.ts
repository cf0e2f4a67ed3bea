import type { Device } from './device.ts';
import type { NewDevice } from './device-registry.ts';
import type { Group } from './group.ts';
import type { NewOneTimePassword } from './one-time-password-store.ts';

/** A device as a list names it: row 1 is the heading. */
export interface OrderedDevice {
  readonly row: number;
  readonly device: NewDevice;
}

/** Why a row is not taken. */
export interface RowRefusal {
  readonly row: number;
  /** Of the list; empty when it is about the row as a whole. */
  readonly column: string;
  readonly reason: string;
}

/** How far a list is in the registry. */
export interface OrderListProgress {
  /** SHA-256 of the file, hexadecimal. */
  readonly digest: string;
  readonly begunAt: Date;
  readonly begunBy: string;
  /** The last row that is done, taken or refused. */
  readonly row: number;
  readonly added: number;
  readonly refused: number;
  /** Octets of the file of errors that are about rows up to this one. */
  readonly errorsLength: number;
  readonly finishedAt?: Date;
  /** When passwords or codes for its devices had all been handed out. */
  readonly credentialsAt?: Date;
}

/** What comes into the registry together. */
export interface OrderListBatch {
  readonly digest: string;
  /** The last row of the batch, whatever became of it. */
  readonly through: number;
  readonly devices: readonly OrderedDevice[];
  /** Rows of the batch that were refused. */
  readonly refused: number;
  readonly errorsLength: number;
  readonly by: string;
  readonly at: Date;
}

/**
 * Port: lists of devices from a manufacturer or an ERP system, which say whose each device is. storage/ implements it. A
 * batch and how far the list is are one transaction, so that a list that was cut short goes on where it stopped.
 */
export interface OrderLists {
  find(digest: string): Promise<OrderListProgress | undefined>;
  /** @returns what is known of it already, or its beginning */
  begin(digest: string, by: string, at: Date): Promise<OrderListProgress>;
  /** What keeps these devices from being added as the registry is now; changes nothing. */
  judge(devices: readonly OrderedDevice[]): Promise<RowRefusal[]>;
  /**
   * Adds all devices of the batch, each with an audit entry that names the list and the row.
   * @returns undefined, with nothing changed, when one of them cannot be added any more: judge again
   */
  add(batch: OrderListBatch): Promise<OrderListProgress | undefined>;
  finish(digest: string, by: string, at: Date): Promise<void>;
  /** Devices that came by a list, in the order of their ids. @param after id of the last one that is known */
  devicesOf(
    digest: string,
    page: { readonly after: string; readonly limit: number },
  ): Promise<{ device: Device; group: Group }[]>;
  /** Stores passwords of different devices; the unused ones that these devices have are revoked. */
  replacePasswords(passwords: readonly NewOneTimePassword[]): Promise<void>;
  /** What was made for its devices is in somebody's hands from now on, and is not made again. */
  finishCredentials(digest: string, by: string, at: Date): Promise<void>;
}
