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
  /** The part of the world, or of the fleet, that it belongs to; allocation policies choose endpoints by it. */
  readonly region?: string;
  readonly site?: string;
  readonly building?: string;
  /** What else its owner wants to be known of it; absent where that is nothing. */
  readonly context?: DeviceContext;
  /** Who made it: with the serial number this is its name in factory certificates. */
  readonly manufacturer?: string;
  /** The key of the factory certificate that it enrolled with first: SHA-256 of the SubjectPublicKeyInfo, hexadecimal. */
  readonly factoryKey?: string;
  /** When it last enrolled by it, unless an operator reset it since. */
  readonly factoryUsedAt?: Date;
  /** The last other key that a good factory certificate showed for it. */
  readonly foreignFactoryKey?: string;
  /**
   * The key it is known by, where it came without a credential of its own or a person confirmed it: SHA-256 of the
   * SubjectPublicKeyInfo, hexadecimal. It follows the device's renewals.
   */
  readonly firstKey?: string;
  /** Since when it is known by that one. */
  readonly firstKeyAt?: Date;
  /** The last other key that came in its name. */
  readonly foreignKey?: string;
  /** Whether an order list brought it. */
  readonly ordered?: boolean;
  /** In quarantine, it gets the endpoints set for that alone, or no certificate at all. */
  readonly quarantined?: boolean;
}

export type DeviceContext = Readonly<Record<string, string>>;

/** What is to be known of a device from now on; null is forgotten, what is left out stays. */
export interface PlaceChange {
  readonly region?: string | null;
  readonly site?: string | null;
  readonly building?: string | null;
  readonly context?: Readonly<Record<string, string | null>>;
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

const regionName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** @throws TypeError with a sentence */
export function checkRegion(region: string): string {
  if (!regionName.test(region))
    throw new TypeError(
      `"${region}" cannot be a region: use 1 to 63 letters, digits and . _ -, beginning with a letter or digit.`,
    );
  return region;
}

const controls = /[\u0000-\u001f\u007f-\u009f]/;
const mostPlaceText = 128;

/** A site or a building. @throws TypeError with a sentence */
export function checkPlaceName(text: string): string {
  if (text.trim() === '' || text.length > mostPlaceText || controls.test(text))
    throw new TypeError(
      `"${text.slice(0, 80)}" cannot be a site or building: use 1 to ${mostPlaceText} characters without control characters.`,
    );
  return text;
}

const contextName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const mostContextText = 256;
const mostContextEntries = 32;

/** Names in alphabetical order. @throws TypeError with a sentence */
export function checkContext(context: DeviceContext): DeviceContext {
  const entries = Object.entries(context);
  if (entries.length > mostContextEntries)
    throw new TypeError(`A device can have at most ${mostContextEntries} entries of context.`);
  for (const [name, text] of entries) {
    if (!contextName.test(name))
      throw new TypeError(
        `"${name.slice(0, 80)}" cannot name an entry of context: use 1 to 64 letters, digits and . _ -, beginning with a letter or digit.`,
      );
    if (text.length > mostContextText || controls.test(text))
      throw new TypeError(
        `The context ${name} must have at most ${mostContextText} characters, and no control characters.`,
      );
  }
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Canonical, sorted, each once. @throws TypeError with a sentence */
export function checkNames(names: readonly string[]): string[] {
  return [...new Set(names.map(canonicalGeneralName))].sort();
}
