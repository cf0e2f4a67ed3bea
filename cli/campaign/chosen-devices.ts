import { readFileSync, statSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import type { Caller } from '../../enrollment/authenticator.ts';
import {
  type CampaignChange,
  mostDevices,
  placeOf,
  samePlace,
} from '../../enrollment/campaigns/campaign.ts';
import { checkDeviceId } from '../../enrollment/device.ts';
import type { Stores } from '../../storage/stores.ts';
import { registeredDevices } from '../allocation/registered-devices.ts';
import { notFound, usage } from '../exit.ts';

/** Which devices: all that fit what is given. */
export interface Choice {
  /** A list with a column `id`, or one id a line. */
  readonly devices?: string;
  readonly group?: string;
  readonly tenant?: string;
  /** Those of this region; an empty text is those of none. */
  readonly region?: string;
  /** At most so many. */
  readonly limit: number;
}

export interface Chosen {
  readonly devices: readonly Pick<Caller, 'device' | 'tenant' | 'group'>[];
  /** That fit, and are there already. */
  readonly thereAlready: number;
  /** In a campaign that has not ended; a device is in one at a time. */
  readonly busy: readonly { readonly device: string; readonly campaign: string }[];
}

/** @throws CommandError */
export async function chooseDevices(
  stores: Stores,
  choice: Choice,
  change: CampaignChange,
): Promise<Chosen> {
  if (
    [choice.devices, choice.group, choice.tenant, choice.region].every((each) => each === undefined)
  )
    throw usage('Say which devices: --devices, --group, --tenant or --region.');
  const devices: Pick<Caller, 'device' | 'tenant' | 'group'>[] = [];
  const busy: { device: string; campaign: string }[] = [];
  let thereAlready = 0;
  for await (const known of fitting(stores, choice)) {
    if (samePlace(placeOf(known.device, change), change)) {
      thereAlready++;
      continue;
    }
    const { id: device } = known.device;
    const membership = await stores.campaigns.membershipOf(device);
    if (membership) busy.push({ device, campaign: membership.campaign.name });
    else devices.push(known);
    if (devices.length >= choice.limit) break;
  }
  return { devices, thereAlready, busy };
}

async function* fitting(stores: Stores, { devices: file, group, tenant, region }: Choice) {
  const fits = ({ device }: Pick<Caller, 'device'>) =>
    (group === undefined || device.group === group) &&
    (tenant === undefined || device.tenant === tenant) &&
    (region === undefined || (device.region ?? '') === region);
  if (tenant !== undefined && !(await stores.tenants.find(tenant)))
    throw notFound(`There is no tenant ${tenant}.`);
  const source = file === undefined ? registeredDevices(stores, group) : listed(stores, file);
  for await (const known of source) if (fits(known)) yield known;
}

async function* listed(stores: Stores, file: string) {
  for (const id of readIds(file)) {
    const known = await stores.devices.find(id);
    if (!known) throw notFound(`There is no device ${id}, which the list ${file} names.`);
    yield known;
  }
}

/** More would be no list of ids for one campaign. */
const longestFile = 4 * 1_048_576;

/** Each once, in the order of the list. @throws CommandError, TypeError */
function readIds(path: string): string[] {
  const found = path === '-' ? undefined : statSync(path, { throwIfNoEntry: false });
  if (path !== '-' && !found?.isFile()) throw notFound(`There is no file ${path}.`);
  if (found && found.size > longestFile) throw usage(`${path} is longer than 4 MiB.`);
  const text = readFileSync(path === '-' ? 0 : path, 'utf8');
  const rows: string[][] = parse(text, { bom: true, trim: true, skip_empty_lines: true });
  const [header = []] = rows;
  const column = header.findIndex((name) => name.toLowerCase() === 'id');
  if (column < 0 && header.length > 1)
    throw usage('The list has no column `id`; its first line names the columns.');
  const ids = (column < 0 ? rows : rows.slice(1)).map((row) => row[Math.max(column, 0)] ?? '');
  if (ids.length > mostDevices) throw usage(`A campaign has at most ${mostDevices} devices.`);
  return [...new Set(ids.map(checkDeviceId))];
}
