import { Command } from 'commander';
import { parseDuration } from '../../ca/certificate-profile.ts';
import { CmcSecrets } from '../../enrollment/cmc-secret.ts';
import { checkDeviceId, type Device } from '../../enrollment/device.ts';
import { DigestSecrets } from '../../enrollment/digest-secret.ts';
import type { Group } from '../../enrollment/group.ts';
import type { GroupSettings } from '../../enrollment/group-settings.ts';
import {
  hashOneTimePassword,
  makeCredentialId,
  makeOneTimePassword,
} from '../../enrollment/one-time-password.ts';
import type { NewOneTimePassword } from '../../enrollment/one-time-password-store.ts';
import { provisioningContradictions, takesOwnPassword } from '../../enrollment/provisioning.ts';
import { type Config, readSecret } from '../../server/config.ts';
import type { Stores } from '../../storage/stores.ts';
import {
  chooseTenant,
  type DataOption,
  type ListOptions,
  operator,
  parseLimit,
  withJson,
  withStores,
} from '../data.ts';
import { conflict, notFound, usage } from '../exit.ts';
import { print, printFields, printJson, printTable } from '../print.ts';

export function otpCommand(): Command {
  const otp = new Command('otp').description('one-time passwords');
  withJson(otp.command('create'))
    .description('make a one-time password for a device and print it, once')
    .requiredOption('--device <id>', 'the device; it is registered if it is new')
    .option(
      '--tenant <id>',
      'its tenant; for a new device the only one, or `default`, when left out',
    )
    .option('--ttl <duration>', 'how long it can be used, such as 24h', '24h')
    .action(create);
  withJson(otp.command('list'))
    .description('list one-time passwords, newest first')
    .option('--device <id>', 'of this device only')
    .option('--limit <n>', 'at most this many', '100')
    .action(list);
  withJson(otp.command('revoke'))
    .description('make an unused one-time password worthless')
    .argument('<id>', 'its id, as `otp list` shows it')
    .action(revoke);
  return otp;
}

export interface CreatedOneTimePassword {
  readonly id: string;
  readonly device: string;
  readonly tenant: string;
  readonly password: string;
  readonly expiresAt: string;
}

/** Makes and stores a one-time password; registers the device if it is new. @throws CommandError, TypeError */
export async function createOneTimePassword(
  stores: Stores,
  config: Config,
  order: { device: string; tenant?: string; ttl: string },
): Promise<CreatedOneTimePassword> {
  const now = new Date();
  const expiresAt = new Date(now.getTime() + parseDuration(order.ttl) * 1000);
  const pepper = Buffer.from(readSecret(config.pepper, 'one-time password pepper'));
  const { device, group } = await findOrRegister(stores, order, now);
  const { password, record } = newOneTimePassword(pepper, device.id, group.settings, expiresAt);
  await stores.oneTimePasswords.create(record);
  return {
    id: record.id,
    device: device.id,
    tenant: device.tenant,
    password,
    expiresAt: expiresAt.toISOString(),
  };
}

/** @throws CommandError where devices of the group come with something else */
export function requirePasswords({ label, settings }: Group): void {
  const { possession, trust } = settings;
  if (trust === 'pairing')
    throw usage(
      `The devices of group ${label} come with pairing codes alone, and a one-time password would not be taken; \`bestow pair\` makes a code.`,
    );
  if (takesOwnPassword(settings)) return;
  const asked = { ...settings, possession: 'one-time-password' } as const;
  const change = provisioningContradictions.some(([holds]) => holds(asked))
    ? '--template one-time-password'
    : '--possession one-time-password';
  throw usage(
    `The devices of group ${label} come with ${possession === 'none' ? 'no password' : `possession ${possession}`}, and a one-time password would not be taken; \`bestow group set ${label} ${change}\` changes that.`,
  );
}

/** A one-time password in all the forms that the settings of the device's group ask for; storing it is the caller's. */
export function newOneTimePassword(
  pepper: Uint8Array,
  device: string,
  settings: Pick<GroupSettings, 'passwordSchemes' | 'cmcSharedSecret'> | undefined,
  expiresAt: Date,
): { password: string; record: NewOneTimePassword } {
  const password = makeOneTimePassword();
  const id = makeCredentialId();
  const record = {
    id,
    device,
    passwordHash: hashOneTimePassword(password, pepper),
    ...(settings?.passwordSchemes.includes('digest')
      ? { digestSecret: new DigestSecrets(pepper).make(password, { id, device }) }
      : {}),
    ...(settings?.cmcSharedSecret ? { cmcSecret: new CmcSecrets(pepper).make(password, id) } : {}),
    createdAt: new Date(),
    expiresAt,
    by: operator(),
  };
  return { password, record };
}

/** Whose group takes no passwords is not registered for one: in some groups the device would be expected from then on. */
async function findOrRegister(
  stores: Stores,
  order: { device: string; tenant?: string },
  now: Date,
): Promise<{ device: Device; group: Group }> {
  const id = checkDeviceId(order.device);
  const known = await stores.devices.find(id);
  if (known && order.tenant !== undefined && order.tenant !== known.device.tenant)
    throw conflict(`Device ${id} belongs to tenant ${known.device.tenant}, not ${order.tenant}.`);
  if (known) {
    requirePasswords(known.group);
    return known;
  }
  const tenant = await chooseTenant(stores, order.tenant);
  const [group] = (await stores.tenants.find(tenant))?.groups ?? [];
  if (!group) throw notFound(`There is no tenant ${tenant}.`);
  requirePasswords(group);
  const device = { id, tenant, group: group.label, names: [] };
  const added = await stores.devices.add(device, operator(), now);
  if ('reason' in added) throw notFound(added.reason);
  return { device: added.value, group };
}

async function create(
  options: DataOption & { device: string; tenant?: string; ttl: string; json?: true },
): Promise<void> {
  const created = await withStores(options, (stores, config) =>
    createOneTimePassword(stores, config, options),
  );
  if (options.json) return printJson(created);
  printFields({ ...created });
  print(
    'The password is shown this once. The device sends it as HTTP Basic password, with its id as user name.',
  );
}

async function list(options: ListOptions & { device?: string }): Promise<void> {
  const passwords = await withStores(options, ({ oneTimePasswords }) =>
    oneTimePasswords.list({
      ...(options.device === undefined ? {} : { device: options.device }),
      limit: parseLimit(options.limit),
    }),
  );
  const now = new Date();
  const rows = passwords.map(({ id, kind, device, state, createdAt, expiresAt, spentAt }) => ({
    id,
    kind,
    device,
    state: state === 'unused' && expiresAt <= now ? 'expired' : state,
    createdAt,
    expiresAt,
    spentAt,
  }));
  if (options.json) printJson(rows);
  else printTable(rows, 'There are no one-time passwords.');
}

async function revoke(id: string, options: DataOption & { json?: true }): Promise<void> {
  const password = await withStores(options, ({ oneTimePasswords }) =>
    oneTimePasswords.revoke(id, operator(), new Date()),
  );
  if (!password) throw notFound(`There is no one-time password ${id}.`);
  if (password.state === 'spent')
    throw conflict(`The one-time password ${id} is spent; revoke the certificate it gave instead.`);
  if (options.json) printJson({ id, device: password.device, state: password.state });
  else print(`The one-time password ${id} of device ${password.device} is revoked.`);
}
