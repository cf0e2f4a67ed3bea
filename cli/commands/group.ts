import { Command } from 'commander';
import { usualPolicy } from '../../enrollment/allocation/allocation-policy.ts';
import { checkLabel } from '../../enrollment/group.ts';
import {
  checkSettings,
  defaultSettings,
  type GroupSettings,
} from '../../enrollment/group-settings.ts';
import {
  provisioningTemplate,
  provisioningTemplates,
} from '../../enrollment/provisioning-templates.ts';
import type { Stores } from '../../storage/stores.ts';
import { requireAuthorizationWebhook } from '../authorization-webhook-of-group.ts';
import { chooseTenant, type DataOption, operator, withJson, withStores } from '../data.ts';
import { conflict, notFound, usage } from '../exit.ts';
import { describeSettings, settingsIn, summarizeSettings, withSettings } from '../group-options.ts';
import { requireIssuerFor } from '../issuer-of-group.ts';
import { print, printFields, printJson, printTable } from '../print.ts';

export function groupCommand(): Command {
  const group = new Command('group').description(
    'groups: devices of a tenant that are enrolled alike',
  );
  withSettings(withJson(group.command('add')))
    .description('add a group to a tenant')
    .argument('<label>', 'its label in EST paths')
    .option('--tenant <id>', 'its tenant; the only one, or `default`, when left out')
    .option('--template <name>', templateHelp)
    .action(add);
  withJson(group.command('templates'))
    .description('list answers to the questions of provisioning that go together')
    .action(listTemplates);
  withJson(group.command('list'))
    .description('list groups, and what is not as usual in them')
    .option('--tenant <id>', 'of this tenant only')
    .action(list);
  withJson(group.command('show'))
    .description('show a group with all its settings')
    .argument('<label>')
    .action(show);
  withSettings(withJson(group.command('set')))
    .description('change settings of a group; requests are judged by them from then on')
    .argument('<label>')
    .option('--template <name>', templateHelp)
    .action(set);
  return group;
}

const templateHelp = 'begin with these settings: bestow group templates';

interface JsonOption extends DataOption {
  readonly json?: true;
}

interface ChosenSettings extends JsonOption {
  readonly template?: string;
}

/** Those of the template, and what is named besides. @throws CommandError */
function chosenSettings(options: ChosenSettings): Partial<GroupSettings> {
  const { template: name } = options;
  if (name === undefined) return settingsIn(options);
  const template = provisioningTemplate(name);
  if (!template)
    throw notFound(
      `There is no template ${name}; \`bestow group templates\` lists those there are.`,
    );
  return { ...template.settings, ...settingsIn(options) };
}

function listTemplates({ json }: JsonOption): void {
  const rows = provisioningTemplates.map(({ name, summary, settings }) => ({
    name,
    for: summary,
    settings: summarizeSettings({ ...defaultSettings, ...settings }) || 'as usual',
  }));
  if (json) printJson(provisioningTemplates);
  else printTable(rows, 'There are no templates.');
}

async function add(label: string, options: ChosenSettings & { tenant?: string }): Promise<void> {
  checkLabel(label);
  const settings = checkSettings({ ...defaultSettings, ...chosenSettings(options) });
  const outcome = await withStores(options, async (stores) => {
    const tenant = await chooseTenant(stores, options.tenant);
    if (!(await stores.tenants.find(tenant))) throw notFound(`There is no tenant ${tenant}.`);
    await requireIssuer(stores, tenant, settingsIn(options));
    await requireAuthorizationWebhook(stores, tenant, settings);
    return stores.tenants.addGroup({ label, tenant, settings }, operator(), new Date());
  });
  if (outcome.kind === 'refused') throw conflict(outcome.reason);
  if (outcome.kind === 'exists') throw conflict(`There is a group ${label} already.`);
  if (options.json) printJson(outcome.value);
  else print(`Group ${label} is added to tenant ${outcome.value.tenant}.`);
}

async function list(options: JsonOption & { tenant?: string }): Promise<void> {
  const { tenant } = options;
  const groups = await withStores(options, ({ tenants }) =>
    tenants.groups(tenant === undefined ? {} : { tenant }),
  );
  if (options.json) printJson(groups);
  else
    printTable(
      groups.map(({ label, tenant: owner, settings }) => ({
        label,
        tenant: owner,
        settings: summarizeSettings(settings) || 'as usual',
      })),
      'There are no groups.',
    );
}

async function show(label: string, options: JsonOption): Promise<void> {
  const { group, policy } = await withStores(options, async ({ tenants, allocation }) => ({
    group: await tenants.groupOf(label),
    policy: (await allocation.policies()).find((each) => each.label === label)?.policy,
  }));
  if (!group) throw notFound(`There is no group ${label}.`);
  if (options.json) return printJson({ ...group, allocation: policy ?? usualPolicy });
  const { identity, possession, trust, ...others } = describeSettings(group.settings);
  const endpoint = (policy ?? usualPolicy).allocate;
  const answers = { identity, possession, endpoint, trust };
  printFields({ label, tenant: group.tenant, ...answers, ...others });
}

async function set(label: string, options: ChosenSettings): Promise<void> {
  const changes = chosenSettings(options);
  if (Object.keys(changes).length === 0)
    throw usage('Name at least one setting to change; see `bestow group set --help`.');
  const outcome = await withStores(options, async (stores) => {
    const group = await stores.tenants.groupOf(label);
    if (group) await requireIssuer(stores, group.tenant, changes);
    if (group) await requireAuthorizationWebhook(stores, group.tenant, changes);
    return stores.tenants.changeSettings(label, changes, operator(), new Date());
  });
  if (outcome.kind === 'unknown') throw notFound(`There is no group ${label}.`);
  if (outcome.kind === 'refused') throw usage(outcome.reason);
  if (options.json) printJson(outcome.group);
  else printFields({ label, ...describeSettings(outcome.group.settings) });
}

/** The default issuer is every tenant's, and may still wait for its certificate. */
async function requireIssuer(
  stores: Stores,
  tenant: string,
  { issuer }: Partial<GroupSettings>,
): Promise<void> {
  if (issuer !== undefined && issuer !== defaultSettings.issuer)
    await requireIssuerFor(stores, tenant, issuer);
}
