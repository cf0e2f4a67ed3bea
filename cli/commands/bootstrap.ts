import { Command } from 'commander';
import { parseDuration } from '../../ca/certificate-profile.ts';
import {
  type BootstrapCredential,
  checkBootstrapTerms,
  hashBootstrapSecret,
  makeBootstrapId,
  makeBootstrapSecret,
  standingOf,
} from '../../enrollment/bootstrap-credential.ts';
import { type Config, readSecret } from '../../server/config.ts';
import type { Stores } from '../../storage/stores.ts';
import {
  type DataOption,
  type ListOptions,
  operator,
  parseLimit,
  withJson,
  withStores,
} from '../data.ts';
import { notFound, usage } from '../exit.ts';
import { print, printFields, printJson, printTable } from '../print.ts';
import { parseTime } from '../since.ts';

export function bootstrapCommand(): Command {
  const bootstrap = new Command('bootstrap').description(
    'bootstrap credentials: one secret for a batch of devices',
  );
  withJson(bootstrap.command('create'))
    .description('make a credential for the devices of a group and print its secret, once')
    .requiredOption('--group <label>', 'the group that its devices are in, or join')
    .requiredOption('--quota <n>', 'for how many devices it is')
    .requiredOption('--ttl <duration>', 'how long it can be used, such as 30d')
    .option('--from <time>', 'from when on: 2030-01-31 or 2030-01-31T08:00:00Z; now, when left out')
    .action(create);
  withJson(bootstrap.command('list'))
    .description('list bootstrap credentials, newest first')
    .option('--group <label>', 'of this group only')
    .option('--limit <n>', 'at most this many', '100')
    .action(list);
  withJson(bootstrap.command('show'))
    .description('show a bootstrap credential, and the devices that used it')
    .argument('<id>', 'its id, as `bootstrap list` shows it')
    .option('--limit <n>', 'at most this many devices', '100')
    .action(show);
  withJson(bootstrap.command('revoke'))
    .description('make a bootstrap credential worthless; the certificates it brought stay valid')
    .argument('<id>', 'its id, as `bootstrap list` shows it')
    .action(revoke);
  return bootstrap;
}

export interface BootstrapOrder {
  readonly group: string;
  readonly quota: string;
  readonly ttl: string;
  readonly from?: string;
}

/** Makes and stores a bootstrap credential. @throws CommandError, TypeError */
export async function createBootstrapCredential(
  { bootstrapCredentials }: Pick<Stores, 'bootstrapCredentials'>,
  config: Pick<Config, 'pepper'>,
  order: BootstrapOrder,
) {
  const now = new Date();
  const notBefore = order.from === undefined ? now : parseTime(order.from);
  const notAfter = new Date(notBefore.getTime() + parseDuration(order.ttl) * 1000);
  const terms = checkBootstrapTerms({ quota: numberOf(order.quota), notBefore, notAfter }, now);
  const pepper = readSecret(config.pepper, 'one-time password pepper');
  const [id, secret, { group }] = [makeBootstrapId(), makeBootstrapSecret(), order];
  const secretHash = hashBootstrapSecret(id, secret, Buffer.from(pepper));
  const record = { id, group, ...terms, secretHash, createdAt: now, by: operator() };
  const objection = await bootstrapCredentials.create(record);
  if (objection !== undefined) throw usage(objection);
  return { id, secret, group, ...terms };
}

function numberOf(text: string): number {
  return /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
}

async function create(options: DataOption & BootstrapOrder & { json?: true }): Promise<void> {
  const created = await withStores(options, (stores, config) =>
    createBootstrapCredential(stores, config, options),
  );
  if (options.json) return printJson(created);
  const { quota, notBefore, notAfter, ...named } = created;
  printFields({ ...named, quota, notBefore, notAfter });
  print(
    'The secret is shown this once. Devices send it as HTTP Basic password, with the id as user name. Whoever learns of it can take the place of a device that has not come yet.',
  );
}

async function list(options: ListOptions & { group?: string }): Promise<void> {
  const { group } = options;
  const filter = { ...(group === undefined ? {} : { group }), limit: parseLimit(options.limit) };
  const credentials = await withStores(options, ({ bootstrapCredentials }) =>
    bootstrapCredentials.list(filter),
  );
  const rows = credentials.map((credential) => shown(credential, new Date()));
  if (options.json) printJson(rows);
  else printTable(rows, 'There are no bootstrap credentials.');
}

/** In the order of a table. */
function shown(credential: BootstrapCredential, now: Date) {
  const { id, group, quota, uses, notBefore, notAfter, createdAt, createdBy } = credential;
  const state = standingOf(credential, now);
  return { id, group, state, uses, quota, notBefore, notAfter, createdAt, createdBy };
}

async function show(id: string, options: ListOptions): Promise<void> {
  const limit = parseLimit(options.limit);
  const found = await withStores(options, async ({ bootstrapCredentials }) => ({
    credential: await bootstrapCredentials.find(id),
    usedBy: await bootstrapCredentials.uses(id, limit),
  }));
  const { credential, usedBy } = found;
  if (!credential) throw unknown(id);
  const fields = { ...shown(credential, new Date()), exceededAt: credential.exceededAt };
  if (options.json) return printJson({ ...fields, usedBy });
  printFields(fields);
  print('');
  printTable(
    usedBy.map(({ device, at, publicKeyDigest }) => ({ device, at, publicKeyDigest })),
    'No device has used it.',
  );
}

async function revoke(id: string, options: DataOption & { json?: true }): Promise<void> {
  const credential = await withStores(options, ({ bootstrapCredentials }) =>
    bootstrapCredentials.revoke(id, operator(), new Date()),
  );
  if (!credential) throw unknown(id);
  const { group, state, uses, quota } = credential;
  if (options.json) return printJson({ id, group, state, uses, quota });
  print(
    `The bootstrap credential ${id} is revoked. ${uses} device(s) have used it, and their certificates stay valid: \`bestow bootstrap show ${id}\` lists them.`,
  );
}

function unknown(id: string) {
  return notFound(`There is no bootstrap credential ${id}.`);
}
