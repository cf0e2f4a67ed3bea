import { canonicalGeneralName } from '../ca/general-names.ts';

export const deviceRoles = ['device', 'registration-authority'] as const;
export type DeviceRole = (typeof deviceRoles)[number];

/** A device as the registry knows it. */
export interface Device {
  /** Its name everywhere: the CN of its certificates and the user name of its one-time passwords. */
  readonly id: string;
  readonly tenant: string;
  /** Label of its group. */
  readonly group: string;
  /** The X.520 serialNumber of its subject, where one is registered. */
  readonly serialNumber?: string;
  /** Subject alternative names it may ask for, in canonical text such as `DNS:host.example`. */
  readonly names: readonly string[];
  readonly status: 'active' | 'blocked';
  /** A registration authority may enroll the other devices of its tenant (RFC 7030 section 3.7). */
  readonly role: DeviceRole;
}

/** No colon, since it would end the user name in HTTP Basic; 64 characters at most (RFC 5280 appendix A.1). */
const identifier = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;
const printableSerial = /^[A-Za-z0-9 '()+,\-./:=?]{1,64}$/;

/** @throws TypeError with a sentence */
export function checkDeviceId(id: string): string {
  if (!identifier.test(id))
    throw new TypeError(
      `"${id}" cannot be a device id: use 1 to 64 letters, digits and . _ @ -, beginning with a letter or digit.`,
    );
  return id;
}

/** @throws TypeError with a sentence */
export function checkSerialNumber(serial: string): string {
  if (!printableSerial.test(serial))
    throw new TypeError(
      `"${serial}" cannot be a serial number: it must be a PrintableString of 1 to 64 characters (RFC 5280 appendix A.1).`,
    );
  return serial;
}

/** Canonical, sorted, each once. @throws TypeError with a sentence */
export function checkNames(names: readonly string[]): string[] {
  return [...new Set(names.map(canonicalGeneralName))].sort();
}
