import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { Command, Option } from 'commander';
import { stringify } from 'csv-stringify';
import type { AllocationCase } from '../../enrollment/allocation/allocate.ts';
import { type AllocationRules, readyPolicy } from '../../enrollment/allocation/allocate.ts';
import { lastCertificateOf, renewalCase } from '../../enrollment/allocation/last-certificate.ts';
import type { Prospect } from '../../enrollment/allocation/prospect.ts';
import type { Stores } from '../../storage/stores.ts';
import { askingWebhooks, type Foresight, withoutAsking } from '../allocation/foresight.ts';
import { listedDevices } from '../allocation/listed-devices.ts';
import { registeredDevices } from '../allocation/registered-devices.ts';
import { rulesOnRecord } from '../allocation/rules-on-record.ts';
import { type Share, Tally } from '../allocation/tally.ts';
import { type DataOption, withJson, withStores } from '../data.ts';
import { usage } from '../exit.ts';
import { print, printJson, printTable } from '../print.ts';
import { readPolicyFile } from './allocation.ts';

export function allocateCommand(): Command {
  return withJson(new Command('allocate'))
    .description('say where devices would go, and how the load would divide; nothing is changed')
    .argument('[file]', 'CSV with the columns id, group, region, source; `-` is standard input')
    .addOption(new Option('--dry-run', 'say it and change nothing, which is all that there is'))
    .option(
      '--group <label>',
      'without a file: the devices of this group; else of rows without one',
    )
    .option('--policy <file>', 'as if this were the policy of the group, and how many would move')
    .option(
      '--ask-webhooks',
      'ask the webhooks that policies name; they are told that it is a dry run',
    )
    .option('--each <file>', 'write where each device would go to this file, as CSV')
    .action(simulate);
}

interface SimulationOptions extends DataOption {
  readonly json?: true;
  readonly dryRun?: true;
  readonly group?: string;
  readonly policy?: string;
  readonly askWebhooks?: true;
  readonly each?: string;
}

async function simulate(file: string | undefined, options: SimulationOptions): Promise<void> {
  const { group, policy } = options;
  if (!options.dryRun)
    throw usage(
      'Devices get their endpoints when they enroll; --dry-run says what these would be.',
    );
  if (policy !== undefined && group === undefined)
    throw usage('Say with --group whose policy that would be.');
  const tally = await withStores(options, async (stores, config) => {
    const foresee = options.askWebhooks ? await askingWebhooks(stores, config) : withoutAsking;
    const rules = await rulesOnRecord(stores);
    const then = policy === undefined ? undefined : withPolicy(rules, group ?? '', policy);
    const cases =
      file === undefined
        ? registeredCases(stores, group, config.endpointArc)
        : listedDevices(file, group, stores);
    return tallyOf(cases, { rules, ...(then ? { then } : {}), foresee }, options.each);
  });
  report(tally, policy !== undefined, options.json);
}

function withPolicy(rules: AllocationRules, label: string, file: string): AllocationRules {
  const policies = new Map(rules.policies).set(label, readyPolicy(readPolicyFile(file)));
  return { ...rules, policies };
}

/** A region that only requests show is the one that the last request showed. */
async function* registeredCases(
  stores: Stores,
  label: string | undefined,
  arc: string,
): AsyncGenerator<AllocationCase> {
  const now = new Date();
  for await (const known of registeredDevices(stores, label)) {
    const records = await stores.ledger.list({ subscriber: known.device.id, limit: 20 });
    yield renewalCase(known, lastCertificateOf(records, arc, now));
  }
}

interface Simulation {
  readonly rules: AllocationRules;
  /** What they may become. */
  readonly then?: AllocationRules;
  readonly foresee: Foresight;
}

async function tallyOf(
  cases: AsyncIterable<AllocationCase>,
  { rules, then, foresee }: Simulation,
  path: string | undefined,
): Promise<Tally> {
  const tally = new Tally();
  const list = path === undefined ? undefined : eachDevice(path);
  for await (const asked of cases) {
    const prospect = await foresee(asked, then ?? rules);
    tally.add(prospect, then && (await foresee(asked, rules)));
    await list?.write(asked.device.id, asked.group.label, prospect);
  }
  await list?.end();
  return tally;
}

/** Written as it is found out; one row after the other. */
function eachDevice(path: string) {
  const columns = ['id', 'group', 'region', 'broker', 'endpoints', 'webhook', 'refusal'];
  const rows = stringify({ header: true, columns, escape_formulas: true });
  const file = rows.pipe(createWriteStream(path));
  const failed = new Promise<never>((_, reject) => file.once('error', reject));
  failed.catch(() => undefined);
  return {
    async write(id: string, group: string, prospect: Prospect): Promise<void> {
      const row =
        'refusal' in prospect
          ? { id, group, refusal: prospect.refusal }
          : {
              ...{ id, group, ...prospect },
              endpoints: prospect.endpoints.join(' '),
              webhook: prospect.ask?.webhook,
            };
      if (rows.write(row)) return;
      await Promise.race([new Promise((resolve) => rows.once('drain', resolve)), failed]);
    },
    async end(): Promise<void> {
      rows.end();
      await finished(file);
    },
  };
}

function report(tally: Tally, compares: boolean, json: true | undefined): void {
  const { devices, moved, shares } = tally;
  if (json) {
    printJson({ devices, ...(compares ? { moved } : {}), shares });
    return;
  }
  printTable(
    shares.map((share) => ({
      region: share.region,
      broker: share.broker,
      endpoint: placeOfShare(share),
      devices: share.devices,
      share: `${(share.share * 100).toFixed(1)} %`,
    })),
    'There are no devices.',
  );
  if (compares && devices > 0) print(`\n${moved} of ${devices} devices would move.`);
}

/** Where devices connect first, in words. */
export function placeOfShare({
  endpoint,
  webhook,
  refused,
  quarantined,
}: Share): string | undefined {
  if (refused) return 'refused';
  if (webhook !== undefined) return `the webhook ${webhook} would be asked`;
  return quarantined ? `${endpoint} (quarantine)` : endpoint;
}
