import { Command } from 'commander';
import type { KeyBan } from '../../enrollment/key-bans.ts';
import { showFingerprint } from '../../enrollment/staging-area.ts';
import {
  type DataOption,
  type ListOptions,
  operator,
  parseLimit,
  withJson,
  withStores,
} from '../data.ts';
import { conflict, notFound } from '../exit.ts';
import { print, printJson, printTable } from '../print.ts';
import { publicKeyDigestOf } from '../public-key-digest.ts';

type JsonOption = DataOption & { readonly json?: true };

export function banCommand(): Command {
  const ban = new Command('ban').description(
    'keys that are barred: in every group, with every credential, and as the key of a credential',
  );
  withJson(ban.command('list'))
    .description('list them, newest first')
    .option('--limit <n>', 'at most this many', '100')
    .action(list);
  withJson(ban.command('add'))
    .description('bar a key at once, and reject what waits for a person with it')
    .argument('<key>', 'SHA-256 of its SubjectPublicKeyInfo, or a certificate or key file')
    .option('--reason <text>', "a sentence for the device's engineer")
    .action(add);
  withJson(ban.command('remove'))
    .description('bar it no longer')
    .argument('<key>', 'SHA-256 of its SubjectPublicKeyInfo, or a certificate or key file')
    .action(remove);
  return ban;
}

async function list(options: ListOptions): Promise<void> {
  const bans = await withStores(options, ({ keyBans }) => keyBans.list(parseLimit(options.limit)));
  if (options.json) printJson(bans);
  else
    printTable(
      bans.map(({ publicKeyDigest: key, reason, at, by }) => ({ key, since: at, by, reason })),
      'No key is banned.',
    );
}

async function add(key: string, options: JsonOption & { reason?: string }): Promise<void> {
  const { reason } = options;
  const ban: KeyBan = {
    publicKeyDigest: publicKeyDigestOf(key),
    ...(reason === undefined ? {} : { reason }),
    at: new Date(),
    by: operator(),
  };
  if (!(await withStores(options, ({ keyBans }) => keyBans.ban(ban))))
    throw conflict('This key is banned already.');
  if (options.json) printJson(ban);
  else print(describeBan(ban));
}

async function remove(key: string, options: JsonOption): Promise<void> {
  const publicKeyDigest = publicKeyDigestOf(key);
  const lifted = await withStores(options, ({ keyBans }) =>
    keyBans.lift(publicKeyDigest, operator(), new Date()),
  );
  if (!lifted) throw notFound('This key is not banned.');
  if (options.json) printJson({ publicKeyDigest });
  else print(`The key ${showFingerprint(publicKeyDigest)} is banned no longer.`);
}

export function describeBan({ publicKeyDigest }: Pick<KeyBan, 'publicKeyDigest'>): string {
  return `The key ${showFingerprint(publicKeyDigest)} is banned: it gets no certificate any more, and renews none. Certificates over it stay valid until they are revoked: bestow cert revoke --key ${publicKeyDigest} --reason keyCompromise`;
}
