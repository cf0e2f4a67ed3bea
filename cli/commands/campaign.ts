import { Command, Option } from 'commander';
import {
  describePlace,
  type MemberState,
  memberStates,
  paceText,
} from '../../enrollment/campaigns/campaign.ts';
import type { CampaignOrder, CampaignProgress } from '../../enrollment/campaigns/campaigns.ts';
import {
  type DataOption,
  type ListOptions,
  operator,
  parseLimit,
  withJson,
  withStores,
} from '../data.ts';
import { conflict, notFound } from '../exit.ts';
import { print, printFields, printJson, printTable } from '../print.ts';
import { createCommand, durationText } from './campaign-create.ts';

export function campaignCommand(): Command {
  const campaign = new Command('campaign').description(
    'send many devices elsewhere, a few at a time (docs/allocation.md)',
  );
  campaign.addCommand(createCommand());
  withJson(campaign.command('list')).description('list campaigns').action(list);
  withJson(campaign.command('show'))
    .description('say how far a campaign is, and what became of its devices')
    .argument('<name>')
    .addOption(new Option('--state <state>', 'its devices in this state').choices(memberStates))
    .option('--limit <n>', 'at most this many devices', '20')
    .action(show);
  for (const [name, description] of [
    ['pause', 'release no more devices for now'],
    ['resume', 'go on'],
    ['finish', 'end it as it is: who was not released stays where it is'],
  ] as const)
    withJson(campaign.command(name))
      .description(description)
      .argument('<name>')
      .action((which, options) => order(which, name, options));
  withJson(campaign.command('roll-back'))
    .description('give the devices that were released their old place back')
    .argument('<name>')
    .action(rollBack);
  return campaign;
}

interface JsonOption extends DataOption {
  readonly json?: true;
}

async function list(options: JsonOption): Promise<void> {
  const campaigns = await withStores(options, (stores) => stores.campaigns.list());
  if (options.json) printJson(campaigns.map(withEnd));
  else
    printTable(
      campaigns.map(({ name, state, change, pace, counts, createdAt, createdBy }) => ({
        ...{ name, state, to: describePlace(change), pace: paceText(pace) },
        devices: Object.values(counts).reduce((sum, each) => sum + each, 0),
        ...{ moved: counts.moved ?? 0, created: createdAt, by: createdBy },
      })),
      'There are no campaigns.',
    );
}

/** When the last device is released, if nothing stops it; each then moves with its next certificate. */
function releasedBy({ state, pace, counts, nextReleaseAt }: CampaignProgress): Date | undefined {
  const { planned = 0 } = counts;
  if (state !== 'running' || planned === 0) return undefined;
  const from = Math.max(nextReleaseAt.getTime(), Date.now());
  return new Date(from + ((planned - 1) * pace.seconds * 1000) / pace.devices);
}

function withEnd(campaign: CampaignProgress) {
  const by = releasedBy(campaign);
  return { ...campaign, ...(by ? { releasedBy: by } : {}) };
}

async function show(
  name: string,
  options: ListOptions & JsonOption & { readonly state?: MemberState },
): Promise<void> {
  const limit = parseLimit(options.limit);
  const { state } = options;
  const { campaign, members } = await withStores(options, async ({ campaigns }) => {
    const found = await campaigns.find(name);
    if (!found) throw notFound(`There is no campaign ${name}.`);
    const filter = { limit, ...(state === undefined ? {} : { state }) };
    return { campaign: withEnd(found), members: await campaigns.members(name, filter) };
  });
  if (options.json) return printJson({ ...campaign, devices: members });
  const { change, pace, counts, nextReleaseAt, releasedBy: end, ...known } = campaign;
  printFields({
    ...known,
    to: describePlace(change),
    pace: paceText(pace),
    ...Object.fromEntries(memberStates.map((each) => [each, counts[each]])),
    ...(end
      ? {
          'next release': nextReleaseAt,
          'all released': `${end.toISOString()}, in ${durationText((end.getTime() - Date.now()) / 1000)}`,
        }
      : {}),
  });
  print('');
  printTable(
    members.map(({ device, state: is, former, releasedAt, movedAt, reason }) => ({
      ...{ device, state: is, from: describePlace(former) },
      ...{ released: releasedAt, moved: movedAt, reason },
    })),
    'No device is in that state.',
  );
}

const done: Readonly<Record<CampaignOrder, string>> = {
  pause:
    'is paused: it releases no more devices. Those that were released move with their next certificate',
  resume: 'goes on',
  finish: 'is finished',
  'roll-back': 'is rolled back',
};

async function order(name: string, what: CampaignOrder, options: JsonOption): Promise<void> {
  const campaign = await withStores(options, async ({ campaigns }) => {
    const result = await campaigns.order(name, what, operator(), new Date());
    if (!result) throw notFound(`There is no campaign ${name}.`);
    if (result.contradiction !== undefined) throw conflict(result.contradiction);
    return campaigns.find(name);
  });
  if (options.json) printJson(campaign);
  else print(`The campaign ${name} ${done[what]}.`);
}

const restoredAtOnce = 500;

/** One that was cut short goes on: here, or in a running server. */
async function rollBack(name: string, options: JsonOption): Promise<void> {
  const campaign = await withStores(options, async ({ campaigns, campaignTurns }) => {
    const found = await campaigns.find(name);
    if (!found) throw notFound(`There is no campaign ${name}.`);
    if (found.state !== 'rolling-back') {
      const result = await campaigns.order(name, 'roll-back', operator(), new Date());
      if (result?.contradiction !== undefined) throw conflict(result.contradiction);
    }
    while (await campaignTurns.restore(name, restoredAtOnce, new Date()));
    return campaigns.find(name);
  });
  if (options.json) return printJson(campaign);
  const { restored = 0, kept = 0, left = 0 } = campaign?.counts ?? {};
  print(
    `The campaign ${name} is rolled back: ${restored} device(s) have their old place again, which they take with their next certificate; ${kept} were changed since and are kept as they are; ${left} had not been released.`,
  );
}
