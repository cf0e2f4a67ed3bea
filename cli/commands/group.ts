import { Command, Option } from 'commander';
import { checkLabel, type Linking, linkings } from '../../enrollment/group.ts';
import { chooseTenant, type DataOption, operator, withJson, withStores } from '../data.ts';
import { conflict, notFound } from '../exit.ts';
import { print, printFields, printJson, printTable } from '../print.ts';

export function groupCommand(): Command {
  const group = new Command('group').description(
    'groups: devices of a tenant that are enrolled alike',
  );
  withJson(group.command('add'))
    .description('add a group to a tenant')
    .argument('<label>', 'its label in EST paths')
    .option('--tenant <id>', 'its tenant; the only one, or `default`, when left out')
    .addOption(linkingOption().default('optional'))
    .action(add);
  withJson(group.command('list'))
    .description('list groups')
    .option('--tenant <id>', 'of this tenant only')
    .action(list);
  withJson(group.command('set'))
    .description('change what a group asks for; requests are judged by it from then on')
    .argument('<label>')
    .addOption(linkingOption().makeOptionMandatory())
    .action(set);
  return group;
}

function linkingOption(): Option {
  return new Option(
    '--linking <mode>',
    'channel binding in requests (RFC 7030 section 3.5)',
  ).choices(linkings);
}

interface GroupOptions extends DataOption {
  readonly linking: Linking;
  readonly json?: true;
}

async function add(label: string, options: GroupOptions & { tenant?: string }): Promise<void> {
  checkLabel(label);
  const outcome = await withStores(options, async (stores) => {
    const tenant = await chooseTenant(stores, options.tenant);
    if (!(await stores.tenants.find(tenant))) throw notFound(`There is no tenant ${tenant}.`);
    const group = { label, tenant, linking: options.linking };
    return stores.tenants.addGroup(group, operator(), new Date());
  });
  if (outcome.kind === 'refused') throw conflict(outcome.reason);
  if (outcome.kind === 'exists') throw conflict(`There is a group ${label} already.`);
  if (options.json) printJson(outcome.value);
  else print(`Group ${label} is added to tenant ${outcome.value.tenant}.`);
}

async function list(options: DataOption & { tenant?: string; json?: true }): Promise<void> {
  const { tenant } = options;
  const groups = await withStores(options, ({ tenants }) =>
    tenants.groups(tenant === undefined ? {} : { tenant }),
  );
  if (options.json) printJson(groups);
  else
    printTable(
      groups.map(({ label, tenant: owner, linking }) => ({ label, tenant: owner, linking })),
      'There are no groups.',
    );
}

async function set(label: string, options: GroupOptions): Promise<void> {
  const group = await withStores(options, ({ tenants }) =>
    tenants.setLinking(label, options.linking, operator(), new Date()),
  );
  if (!group) throw notFound(`There is no group ${label}.`);
  if (options.json) printJson(group);
  else printFields({ ...group });
}
