import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import { checkEventPatterns } from '../../enrollment/events/event.ts';
import {
  checkWebhookId,
  type Webhook,
  type WebhookPurpose,
  type Webhooks,
} from '../../enrollment/events/webhooks.ts';
import { checkTenantId } from '../../enrollment/tenant.ts';
import { isBrokerUrl, readBrokerUrl } from '../../server/events/broker-address.ts';
import { checkWebhookUrl } from '../../server/events/webhook-client.ts';
import { groupsAsking } from '../allocation/webhooks-of-policy.ts';
import {
  type DataOption,
  type ListOptions,
  operator,
  parseLimit,
  withJson,
  withStores,
} from '../data.ts';
import { conflict, notFound, usage } from '../exit.ts';
import { print, printFields, printJson, printTable } from '../print.ts';
import { parseSince } from '../since.ts';
import { handOver, prepareHandOver, webhookSecretsOf } from '../webhook-secret.ts';
import { rotateCommand } from './webhook-rotate.ts';
import { testCommand } from './webhook-test.ts';

export function webhookCommand(): Command {
  const webhook = new Command('webhook').description(
    'webhooks: who is told of events, or asked before a certificate (docs/events.md)',
  );
  withJson(webhook.command('add'))
    .description('add a webhook, and show the secret that it verifies messages with, once')
    .argument(
      '<url>',
      'https, or mqtts with the beginning of topics, at a public address unless the configuration allows others',
    )
    .option('--id <id>', 'its id; made up when left out')
    .option('--types <types>', 'types of events, with commas; * for the rest of a name', '*')
    .option('--tenant <id>', 'about the devices of this tenant alone')
    .option('--authorization', 'is asked before certificates (group set --authorization-webhook)')
    .option('--allocation', 'is asked where devices go (allocation set --policy webhook)')
    .option('--secret-file <path>', 'write the secret into this new file in place of showing it')
    .action(add);
  withJson(webhook.command('list')).description('list webhooks').action(list);
  withJson(webhook.command('show'))
    .description('show a webhook with its last deliveries')
    .argument('<id>')
    .option('--limit <n>', 'at most this many deliveries', '10')
    .action(show);
  webhook.addCommand(rotateCommand());
  for (const [name, state] of [
    ['disable', 'disabled'],
    ['enable', 'active'],
  ] as const)
    withJson(webhook.command(name))
      .description(state === 'active' ? 'deliver again, also what waited' : 'deliver nothing')
      .argument('<id>')
      .action((id, options) => setState(id, state, options));
  webhook.addCommand(testCommand());
  withJson(webhook.command('replay'))
    .description('deliver events once more')
    .argument('<id>')
    .option('--since <time>', 'those since an ISO 8601 time, or for a duration such as 2h')
    .option('--until <time>', 'and before this time')
    .option('--dead', 'those that were given up')
    .action(replay);
  withJson(webhook.command('remove'))
    .description('remove a webhook and what was to be delivered to it')
    .argument('<id>')
    .action(remove);
  return webhook;
}

interface JsonOption extends DataOption {
  readonly json?: true;
}

interface AddOptions extends JsonOption {
  readonly id?: string;
  readonly types: string;
  readonly tenant?: string;
  readonly authorization?: true;
  readonly allocation?: true;
  readonly secretFile?: string;
}

async function add(url: string, options: AddOptions): Promise<void> {
  const id = checkWebhookId(options.id ?? `wh-${randomBytes(5).toString('hex')}`);
  const { tenant } = options;
  const purpose = purposeOf(options);
  const types = purpose === 'events' ? checkEventPatterns(options.types.split(',')) : [];
  const added = await withStores(options, async ({ webhooks, tenants }, config) => {
    if (isBrokerUrl(url) && purpose === 'events') readBrokerUrl(url, config.events);
    else checkWebhookUrl(url, config.events);
    if (tenant !== undefined && !(await tenants.find(checkTenantId(tenant))))
      throw notFound(`There is no tenant ${tenant}.`);
    if (await webhooks.find(id, new Date())) throw conflict(`There is a webhook ${id} already.`);
    const secret = webhookSecretsOf(config).make(id, new Date());
    const output = prepareHandOver(options.secretFile);
    const about = tenant === undefined ? {} : { tenant };
    const webhook = { id, url, purpose, types, ...about } as const;
    const stored = await webhooks.add(webhook, secret.sealed, operator());
    return { ...stored, ...handOver(secret.text, output) };
  });
  if (options.json) printJson(added);
  else printFields(added);
}

function purposeOf({ authorization, allocation }: AddOptions): WebhookPurpose {
  if (authorization && allocation)
    throw usage(
      'A webhook is for one thing: add one for --authorization, and one for --allocation.',
    );
  return authorization ? 'authorization' : allocation ? 'allocation' : 'events';
}

async function list(options: JsonOption): Promise<void> {
  const webhooks = await withStores(options, (stores) => stores.webhooks.list());
  if (options.json) printJson(webhooks);
  else
    printTable(
      webhooks.map(({ id, state, purpose, types, tenant, url }) => ({
        ...{ id, state, purpose, types, tenant, url },
      })),
      'There are no webhooks.',
    );
}

async function show(id: string, options: ListOptions & JsonOption): Promise<void> {
  const limit = parseLimit(options.limit);
  const shown = await withStores(options, async ({ webhooks }) => {
    const { webhook, secrets } = await requireWebhook(webhooks, id);
    const counts = await webhooks.counts(id);
    const deliveries = await webhooks.deliveries(id, { limit });
    const signing = secrets.map(({ id: secret, createdAt, expiresAt }) => ({
      ...{ secret, createdAt, expiresAt },
    }));
    return { webhook, counts, secrets: signing, deliveries };
  });
  if (options.json) return printJson(shown);
  printFields({ ...shown.webhook, ...shown.counts, secrets: shown.secrets.length });
  print('');
  printTable(
    shown.deliveries.map(({ type, device, state, attempts, attemptedAt, problem }) => ({
      ...{ type, device, state, attempts, 'last attempt': attemptedAt, problem },
    })),
    'Nothing was delivered yet.',
  );
}

/** @throws CommandError */
export async function requireWebhook(webhooks: Webhooks, id: string) {
  const found = await webhooks.find(id, new Date());
  if (!found) throw notFound(`There is no webhook ${id}.`);
  return found;
}

async function setState(id: string, state: Webhook['state'], options: JsonOption): Promise<void> {
  const change = { by: operator(), at: new Date() };
  const webhook = await withStores(options, ({ webhooks }) => webhooks.setState(id, state, change));
  if (!webhook) throw notFound(`There is no webhook ${id}.`);
  if (options.json) printJson(webhook);
  else print(`The webhook ${id} is ${state}.`);
}

interface ReplayOptions extends JsonOption {
  readonly since?: string;
  readonly until?: string;
  readonly dead?: true;
}

async function replay(id: string, options: ReplayOptions): Promise<void> {
  const { since, until, dead } = options;
  if ((since === undefined) === (dead === undefined) || (dead && until !== undefined))
    throw usage('Say which events: --since with or without --until, or --dead.');
  const now = new Date();
  const order =
    since === undefined
      ? ({ dead: true } as const)
      : {
          since: parseSince(since, now),
          ...(until === undefined ? {} : { until: parseSince(until, now) }),
        };
  const count = await withStores(options, ({ webhooks }) =>
    webhooks.replay(id, order, operator(), now),
  );
  if (count === undefined) throw notFound(`There is no webhook ${id}.`);
  if (options.json) printJson({ id, events: count });
  else print(`${count} events are delivered to ${id} once more.`);
}

async function remove(id: string, options: JsonOption): Promise<void> {
  await withStores(options, async ({ webhooks, tenants, allocation }) => {
    const groups = await tenants.groups({});
    const asking = groups.filter(({ settings }) => settings.authorizationWebhook === id);
    if (asking.length > 0)
      throw conflict(
        `Groups ask the webhook ${id} before certificates: ${asking.map(({ label }) => label).join(', ')}.`,
      );
    const allocated = await groupsAsking(id, { allocation });
    if (allocated.length > 0)
      throw conflict(
        `The policies of groups ask the webhook ${id} where devices go: ${allocated.join(', ')}.`,
      );
    if (!(await webhooks.remove(id, operator(), new Date())))
      throw notFound(`There is no webhook ${id}.`);
  });
  if (options.json) printJson({ id, removed: true });
  else print(`The webhook ${id} is removed.`);
}
