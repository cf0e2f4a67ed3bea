/** `bestow campaign create`: which devices, where to, how fast; nothing is done before it is asked for. */

import { Command, Option } from 'commander';
import {
  type CampaignChange,
  checkCampaignName,
  checkChange,
  describePlace,
  mostDevices,
  type Pace,
  paceText,
  parsePace,
} from '../../enrollment/campaigns/campaign.ts';
import type { Share } from '../allocation/tally.ts';
import { type Chosen, chooseDevices } from '../campaign/chosen-devices.ts';
import { type Preview, previewOf } from '../campaign/preview.ts';
import { type DataOption, operator, parseLimit, withJson, withStores } from '../data.ts';
import { conflict, usage } from '../exit.ts';
import { print, printJson, printTable } from '../print.ts';
import { placeOfShare } from './allocate.ts';

export function createCommand(): Command {
  return withJson(new Command('create'))
    .description('send devices elsewhere, at a pace; each moves with its next certificate')
    .argument('<name>')
    .option('--devices <file>', 'those of a list: a column `id`, or one id a line; `-` is input')
    .option('--group <label>', 'those of this group')
    .option('--tenant <id>', 'those of this tenant')
    .option('--region <region>', 'those of this region; an empty text is those of none')
    .option('--limit <n>', 'the first of them at most', String(mostDevices))
    .option('--to-region <region>', 'give them this region')
    .addOption(
      new Option('--quarantine <word>', 'or put them into quarantine, or out of it').choices([
        'on',
        'off',
      ]),
    )
    .requiredOption('--pace <devices/time>', 'how many in which time at most, such as 50/h')
    .addOption(new Option('--dry-run', 'say what it would come to, as without --start'))
    .option('--start', 'do it')
    .action(create);
}

interface CreateOptions extends DataOption {
  readonly json?: true;
  readonly devices?: string;
  readonly group?: string;
  readonly tenant?: string;
  readonly region?: string;
  readonly limit: string;
  readonly toRegion?: string;
  readonly quarantine?: string;
  readonly pace: string;
  readonly dryRun?: true;
  readonly start?: true;
}

async function create(text: string, options: CreateOptions): Promise<void> {
  const name = checkCampaignName(text);
  const change = changeIn(options);
  const pace = parsePace(options.pace);
  const limit = parseLimit(options.limit);
  if (limit > mostDevices) throw usage(`A campaign has at most ${mostDevices} devices.`);
  if (options.start && options.dryRun) throw usage('Give --dry-run or --start, not both.');
  const { chosen, preview } = await withStores(options, async (stores, { endpointArc }) => {
    const found = await chooseDevices(stores, { ...options, limit }, change);
    if (!options.start)
      return { chosen: found, preview: await previewOf(stores, found, change, endpointArc) };
    const ids = found.devices.map(({ device }) => device.id);
    const by = operator();
    const made = await stores.campaigns.create({ name, change, pace }, ids, by, new Date());
    if (made.kind === 'exists') throw conflict(`There is a campaign ${name} already.`);
    if (made.kind === 'refused') throw conflict(made.reason);
    return { chosen: found };
  });
  const order = { name, change, pace, chosen };
  if (preview) reportPreview(order, preview, options.json);
  else reportStart(order, options.json);
}

function changeIn({ toRegion, quarantine }: CreateOptions): CampaignChange {
  if ((toRegion === undefined) === (quarantine === undefined))
    throw usage('Say where to: --to-region, or --quarantine on or off.');
  if (toRegion !== undefined) return checkChange({ region: toRegion });
  return { quarantined: quarantine === 'on' };
}

interface Order {
  readonly name: string;
  readonly change: CampaignChange;
  readonly pace: Pace;
  readonly chosen: Chosen;
}

/** Seconds from the first release to the last. */
function lasts(devices: number, { devices: count, seconds }: Pace): number {
  return Math.ceil((Math.max(0, devices - 1) * seconds) / count);
}

function reportPreview({ change, pace, chosen }: Order, preview: Preview, json?: true): void {
  const { devices, thereAlready, busy } = chosen;
  const { from, to } = preview;
  if (json) {
    const counts = { devices: devices.length, thereAlready, busy, moved: to.moved };
    const seconds = lasts(devices.length, pace);
    printJson({ dryRun: true, change, pace, ...counts, seconds, from: from.shares, to: to.shares });
    return;
  }
  print(
    `${devices.length} device(s) would be released to ${describePlace(change)} at ${paceText(pace)}, which takes ${durationText(lasts(devices.length, pace))}; ${to.moved} would get other endpoints.`,
  );
  printLeftOut(chosen);
  for (const [title, shares] of [
    ['Now they go to', from.shares],
    ['Then they go to', to.shares],
  ] as const) {
    print(`\n${title}:`);
    printTable(shares.map(rowOf), 'nowhere');
  }
  if (to.shares.some(({ refused }) => refused))
    print('\nThose that would be refused are not released, and stay where they are.');
  print('\nNothing was done; --start does it.');
}

const mostShown = 20;

function rowOf(share: Share) {
  const { region, broker, devices } = share;
  return { region, broker, endpoint: placeOfShare(share), devices };
}

function reportStart({ name, change, pace, chosen }: Order, json?: true): void {
  const { devices, thereAlready, busy } = chosen;
  if (json) printJson({ name, change, pace, devices: devices.length, thereAlready, busy });
  else {
    print(
      `The campaign ${name} releases ${devices.length} device(s) to ${describePlace(change)} at ${paceText(pace)}; \`bestow campaign show ${name}\` says how far it is.`,
    );
    printLeftOut(chosen);
  }
}

function printLeftOut({ thereAlready, busy }: Chosen): void {
  if (thereAlready > 0) print(`${thereAlready} more are there already.`);
  for (const { device, campaign } of busy.slice(0, mostShown))
    print(`${device} is left out: it is in the campaign ${campaign}.`);
  if (busy.length > mostShown) print(`So are ${busy.length - mostShown} more.`);
}

/** About, for people. */
export function durationText(seconds: number): string {
  const [unit, size] = (
    [
      ['d', 86_400],
      ['h', 3600],
      ['min', 60],
      ['s', 1],
    ] as const
  ).find(([, each]) => seconds >= 2 * each) ?? ['s', 1];
  return `${Math.round(seconds / size)} ${unit}`;
}
