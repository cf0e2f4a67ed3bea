import { Command } from 'commander';
import { type DataOption, withJson, withStores } from '../data.ts';
import { decideAll } from '../pending/decide-all.ts';
import type { RuleOptions } from '../pending/rule.ts';
import { print, printJson, printTable } from '../print.ts';

type AllOptions = DataOption &
  RuleOptions & { readonly yes?: true; readonly json?: true; readonly reason?: string };

export function approveAllCommand(): Command {
  return withRule(new Command('approve-all'))
    .description('confirm the devices of a group that a rule is true of; shows which, until --yes')
    .action((options: AllOptions) => run(true, options));
}

export function rejectAllCommand(): Command {
  return withRule(new Command('reject-all'))
    .description('reject the devices of a group that a rule is true of; shows which, until --yes')
    .option('--reason <text>', "a sentence for the devices' engineers")
    .action((options: AllOptions) => run(false, options));
}

function withRule(command: Command): Command {
  return withJson(command)
    .requiredOption('--group <label>', 'of this group')
    .option('--tenant <id>', 'of this tenant')
    .option('--model <model>', 'of this model, by factory certificate or registry')
    .option('--source <network>', 'from this network, such as 10.1.0.0/16')
    .option('--id <pattern>', 'whose id is like this: * for any characters, ? for one')
    .option('--seen-after <time>', 'first seen since then: ISO 8601, or how long ago, such as 2h')
    .option('--seen-before <time>', 'first seen before')
    .option('--yes', 'do it');
}

async function run(approve: boolean, options: AllOptions): Promise<void> {
  const { yes = false, reason } = options;
  const decision = { approve, yes, ...(reason === undefined ? {} : { reason }) };
  const items = await withStores(options, (stores) => decideAll(stores, decision, options));
  if (options.json) return printJson({ dryRun: !yes, requests: items });
  printTable(
    items.map(({ firstSeen, ...item }) => ({ ...item, 'first seen': firstSeen })),
    'There are no such requests.',
  );
  if (items.length > 0 && !yes) print('Nothing was changed; --yes does it.');
}
