import { readFileSync, statSync } from 'node:fs';
import { Command, Option } from 'commander';
import { checkEndpoint } from '../../ca/extensions/upstream-endpoints.ts';
import {
  type AllocationPolicy,
  usualPolicy,
} from '../../enrollment/allocation/allocation-policy.ts';
import { driftOf } from '../allocation/drift.ts';
import { askingWebhooks, withoutAsking } from '../allocation/foresight.ts';
import { policyText, readPolicy, requirePolicy } from '../allocation/policy-text.ts';
import { requireWebhooksOf } from '../allocation/webhooks-of-policy.ts';
import { collect, type DataOption, operator, withJson, withStores } from '../data.ts';
import { notFound, usage } from '../exit.ts';
import { print, printJson, printTable } from '../print.ts';

export function allocationCommand(): Command {
  const allocation = new Command('allocation').description(
    'where devices go: the upstream endpoints in their certificates',
  );
  withJson(allocation.command('show'))
    .description('print the policy of a group as YAML')
    .argument('<label>')
    .action(show);
  addSet(allocation);
  withJson(allocation.command('reset'))
    .description("give the devices of a group their tenant's endpoints again")
    .argument('<label>')
    .action(reset);
  withJson(allocation.command('mark'))
    .description('say that an endpoint is not available, or is again')
    .argument('<uri>', 'as it stands in the policies')
    .argument('<state>', 'down or up')
    .action(mark);
  withJson(allocation.command('marks'))
    .description('list the endpoints that are marked down')
    .action(marks);
  withJson(allocation.command('drift'))
    .description('list devices whose certificate says something else than their next one would')
    .option('--group <label>', 'of this group only')
    .option(
      '--ask-webhooks',
      'ask the webhooks that policies name; they are told that it is a dry run',
    )
    .action(drift);
  return allocation;
}

function addSet(allocation: Command): void {
  withJson(allocation.command('set'))
    .description('set the policy of a group; devices get what it says at their next enrollment')
    .argument('<label>')
    .argument('[file]', 'a policy as YAML; `-` is standard input')
    .addOption(
      new Option('--policy <kind>', 'without a file: a policy of this kind').choices([
        'tenant',
        'fixed',
        'failover',
        'weighted',
        'webhook',
      ]),
    )
    .option('--endpoint <uri>', 'for fixed and failover, in order of preference (repeat)', collect)
    .option('--broker <id=weight,uri...>', 'for weighted: one of the brokers (repeat)', collect)
    .option('--alternatives <n>', 'for weighted: how many other brokers stand behind the first')
    .option('--webhook <id>', 'for webhook: the one that says where a device goes')
    .addOption(
      new Option(
        '--otherwise <what>',
        'for webhook: what counts without a good answer; fixed and failover go with --endpoint',
      ).choices(['refuse', 'tenant', 'fixed', 'failover']),
    )
    .option('--quarantine <uri>', 'what devices in quarantine get (repeat)', collect)
    .action(set);
}

interface JsonOption extends DataOption {
  readonly json?: true;
}

async function show(label: string, options: JsonOption): Promise<void> {
  const found = await withStores(options, async ({ allocation, tenants }) => {
    if (!(await tenants.groupOf(label))) throw notFound(`There is no group ${label}.`);
    return (await allocation.policies()).find((each) => each.label === label);
  });
  if (options.json) printJson(found ?? { label, policy: usualPolicy });
  else if (found) {
    print(`# set by ${found.setBy} at ${found.setAt.toISOString()}`);
    process.stdout.write(policyText(found.policy));
  } else process.stdout.write(`# as usual\n${policyText(usualPolicy)}`);
}

interface PolicyOptions extends JsonOption {
  readonly policy?: string;
  readonly endpoint?: string[];
  readonly broker?: string[];
  readonly alternatives?: string;
  readonly webhook?: string;
  readonly otherwise?: string;
  readonly quarantine?: string[];
}

async function set(label: string, file: string | undefined, options: PolicyOptions): Promise<void> {
  const policy = policyIn(file, options);
  const done = await withStores(options, async (stores) => {
    await requireWebhooksOf(policy, label, stores);
    return stores.allocation.setPolicy(label, policy, operator(), new Date());
  });
  if (!done) throw notFound(`There is no group ${label}.`);
  if (options.json) printJson({ label, policy });
  else
    print(
      `Devices of the group ${label} go where its policy says from their next enrollment on; \`bestow allocate --dry-run --group ${label}\` shows where that is.`,
    );
}

function policyIn(file: string | undefined, options: PolicyOptions): AllocationPolicy {
  const { policy: kind, endpoint, broker, alternatives, webhook, otherwise, quarantine } = options;
  const given = [kind, endpoint, broker, alternatives, webhook, otherwise, quarantine].some(
    (each) => each !== undefined,
  );
  if (file !== undefined) {
    if (given) throw usage('Give a file or options, not both.');
    return readPolicyFile(file);
  }
  if (kind === undefined) throw usage('Give a file with the policy, or --policy.');
  const own = endpoint ? { endpoints: endpoint } : {};
  return requirePolicy({
    allocate: kind,
    ...(kind === 'webhook' ? {} : own),
    ...(webhook === undefined ? {} : { webhook }),
    ...(otherwise === undefined
      ? {}
      : { otherwise: otherwise === 'refuse' ? otherwise : { allocate: otherwise, ...own } }),
    ...(broker ? { brokers: broker.map(readBroker) } : {}),
    ...(alternatives === undefined ? {} : { alternatives: Number(alternatives) }),
    ...(quarantine ? { quarantine } : {}),
  });
}

/** @param path `-` is standard input @throws CommandError */
export function readPolicyFile(path: string): AllocationPolicy {
  if (path !== '-' && !statSync(path, { throwIfNoEntry: false })?.isFile())
    throw notFound(`There is no file ${path}.`);
  return readPolicy(readFileSync(path === '-' ? 0 : path, 'utf8'));
}

function readBroker(text: string): { id: string; weight: number; endpoints: string[] } {
  const [, id = '', weight = '', uris = ''] = /^([^=]+)=([0-9.]+),(.+)$/.exec(text) ?? [];
  if (id === '') throw usage(`"${text}" is no broker: write id=weight,uri.`);
  // A comma begins a URI only where a scheme follows it.
  const endpoints = uris.split(/,(?=[a-z][a-z0-9+.-]*:\/\/)/i);
  return { id, weight: Number(weight), endpoints };
}

async function reset(label: string, options: JsonOption): Promise<void> {
  const done = await withStores(options, ({ allocation }) =>
    allocation.setPolicy(label, undefined, operator(), new Date()),
  );
  if (!done) throw notFound(`There is no group ${label}.`);
  if (options.json) printJson({ label, policy: usualPolicy });
  else
    print(
      `Devices of the group ${label} get their tenant's endpoints from their next enrollment on.`,
    );
}

async function mark(uri: string, state: string, options: JsonOption): Promise<void> {
  if (state !== 'up' && state !== 'down') throw usage(`An endpoint is up or down, not "${state}".`);
  const endpoint = checkEndpoint(uri);
  const changed = await withStores(options, ({ allocation }) =>
    allocation.mark(endpoint, state, operator(), new Date()),
  );
  if (options.json) printJson({ endpoint, state, changed });
  else print(`${endpoint} ${changed ? 'is' : 'was'} marked ${state}${changed ? '' : ' already'}.`);
}

async function marks(options: JsonOption): Promise<void> {
  const down = await withStores(options, ({ allocation }) => allocation.down());
  if (options.json) printJson(down);
  else
    printTable(
      down.map(({ endpoint, since, by }) => ({ endpoint, since, by })),
      'No endpoint is marked down.',
    );
}

async function drift(options: JsonOption & { group?: string; askWebhooks?: true }): Promise<void> {
  const found = await withStores(options, async (stores, config) => {
    const foresee = options.askWebhooks ? await askingWebhooks(stores, config) : withoutAsking;
    return driftOf(stores, config, options.group, foresee);
  });
  if (options.json) printJson(found);
  else
    printTable(
      found.map(({ device, group, got, should, refusal, webhook }) => ({
        device,
        group,
        got,
        should:
          should ??
          (webhook === undefined
            ? `refused: ${refusal}`
            : `unknown: the webhook ${webhook} decides`),
      })),
      'Every certificate says what it should.',
    );
}
