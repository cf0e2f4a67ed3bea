import type { Certificate } from '../ca/certificate.ts';
import type { Credential } from '../ca/certificate-plan.ts';
import type { FoundRegions } from './allocation/allocation-policy.ts';
import type { Device } from './device.ts';
import type { Group } from './group.ts';
import type { Tenant } from './tenant.ts';

/** Who asks: a device that has proven to be itself. Authenticated is not authorised (authorize.ts). */
export interface Caller {
  readonly device: Device;
  readonly tenant: Tenant;
  readonly group: Group;
  readonly credential: Credential;
  /** The device's certificate that was presented, or is to be renewed. */
  readonly certificate?: Certificate;
  /** Subject of the factory certificate that was presented, DER. It may say where a device belongs; it names nobody here. */
  readonly factorySubject?: Uint8Array;
  /** The model of the device, as that certificate says. */
  readonly model?: string;
  /** Of the code that the device shows (ShownCodes.conceal), where it came with the request. */
  readonly shownCode?: string;
  /** On record with its certificate: regions that the requests before showed. */
  readonly foundRegions?: FoundRegions;
  /** Set where the registry does not know the device yet, and learns of it with its certificate. */
  readonly newcomer?: true;
  /** Set when the one-time password is spent: the digest of the only key that may still use it. */
  readonly spentOn?: string;
  /** The registration authority that asks in the device's place; it has been authenticated, not the device. */
  readonly relayedBy?: Device;
}
