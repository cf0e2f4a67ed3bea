/**
 * Many devices sent elsewhere, a few at a time: each is given its new place in the registry when its turn comes, and takes the
 * endpoints of that place with its next certificate.
 */

import { checkRegion, type Device } from '../device.ts';

/** What is to become of each device. */
export type CampaignChange = { readonly region: string } | { readonly quarantined: boolean };

/** At most so many devices are released in so many seconds, evenly. */
export interface Pace {
  readonly devices: number;
  readonly seconds: number;
}

export const campaignStates = [
  'running',
  'paused',
  'finished',
  'rolling-back',
  'rolled-back',
] as const;
export type CampaignState = (typeof campaignStates)[number];

export interface Campaign {
  readonly name: string;
  readonly change: CampaignChange;
  readonly pace: Pace;
  readonly state: CampaignState;
  /** When the next device is released at the earliest. */
  readonly nextReleaseAt: Date;
  readonly createdAt: Date;
  readonly createdBy: string;
  /** When it was finished or rolled back. */
  readonly endedAt?: Date;
}

/**
 * `planned` waits for its turn; `released` has its new place in the registry; `moved` has a certificate that says so.
 * `skipped` is one that somebody else changed before its turn, `failed` one that would get no certificate in the new place;
 * `left` is one whose turn never came. After a roll-back, `restored` has its old place again, and `kept` is one that somebody
 * else changed after its turn.
 */
export const memberStates = [
  'planned',
  'released',
  'moved',
  'skipped',
  'failed',
  'left',
  'restored',
  'kept',
] as const;
export type MemberState = (typeof memberStates)[number];

/** A device of a campaign. */
export interface Member {
  readonly device: string;
  readonly state: MemberState;
  /** Where it was when the campaign was made; null is no region. */
  readonly former: Place;
  readonly releasedAt?: Date;
  readonly movedAt?: Date;
  /** Why it is in this state, or not yet in the next. */
  readonly reason?: string;
}

/** What a campaign changes of a device, as it is for one. */
export type Place = { readonly region: string | null } | { readonly quarantined: boolean };

const campaignName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
export const mostDevices = 20_000;

/** @throws TypeError with a sentence */
export function checkCampaignName(name: string): string {
  if (!campaignName.test(name))
    throw new TypeError(
      `"${name.slice(0, 80)}" cannot name a campaign: use 1 to 63 letters, digits and . _ -, beginning with a letter or digit.`,
    );
  return name;
}

const units: Readonly<Record<string, number>> = { s: 1, min: 60, h: 3600, d: 86_400 };
const mostPerUnit = 100_000;

/** Such as `50/h`. @throws TypeError with a sentence */
export function parsePace(text: string): Pace {
  const [, count = '', unit = ''] = /^(\d{1,6})\/(s|min|h|d)$/.exec(text) ?? [];
  const devices = Number(count);
  const seconds = units[unit];
  if (seconds === undefined || devices < 1 || devices > mostPerUnit)
    throw new TypeError(
      `"${text.slice(0, 80)}" is no pace: write how many devices in which time, such as 50/h (s, min, h, d).`,
    );
  return { devices, seconds };
}

export function paceText({ devices, seconds }: Pace): string {
  const unit = Object.keys(units).find((each) => units[each] === seconds);
  return `${devices}/${unit ?? `${seconds} s`}`;
}

/** @throws TypeError with a sentence */
export function checkChange(change: CampaignChange): CampaignChange {
  if ('region' in change) checkRegion(change.region);
  return change;
}

export function placeOf(device: Device, change: CampaignChange): Place {
  return 'region' in change
    ? { region: device.region ?? null }
    : { quarantined: device.quarantined === true };
}

export function samePlace(a: Place, b: Place): boolean {
  if ('region' in a) return 'region' in b && a.region === b.region;
  return 'quarantined' in b && a.quarantined === b.quarantined;
}

/** The device as it will be known once it is released. */
export function inNewPlace(device: Device, change: CampaignChange): Device {
  return { ...device, ...change };
}

export function describePlace(place: Place): string {
  if ('region' in place) return place.region === null ? 'no region' : `region ${place.region}`;
  return place.quarantined ? 'quarantine' : 'no quarantine';
}
