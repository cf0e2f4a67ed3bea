/** `bestow profile set`, `activate` and `rollback`: new versions of profiles, and which of them counts. */

import type { Command } from 'commander';
import type { Activation } from '../../enrollment/profile-directory.ts';
import type { Config } from '../../server/config.ts';
import type { ReadProfile } from '../../server/profile-file.ts';
import type { Stores } from '../../storage/stores.ts';
import { type DataOption, operator, withJson, withStores } from '../data.ts';
import { CommandError, conflict, exitCodes, notFound } from '../exit.ts';
import { print, printJson } from '../print.ts';
import {
  builtInVersion,
  findProfile,
  parseVersion,
  readProfileFile,
  yamlOf,
} from '../profile/find-profile.ts';
import { textDiff } from '../profile/text-diff.ts';

export function addVersionCommands(profile: Command): void {
  withJson(profile.command('set'))
    .description('store a new version of the profile in a file, and print what it would change')
    .argument('<file>')
    .option('--activate', 'and make certificates by it from now on')
    .action(set);
  withJson(profile.command('activate'))
    .description(
      'make certificates by this version from now on; a running server follows within seconds',
    )
    .argument('<name>')
    .argument('<version>')
    .action(activate);
  withJson(profile.command('rollback'))
    .description(
      'go back to the version before the active one that was active, else to the built-in profile',
    )
    .argument('<name>')
    .action(rollBack);
}

interface SetOptions extends DataOption {
  readonly activate?: true;
  readonly json?: true;
}

async function set(file: string, options: SetOptions): Promise<void> {
  const { name, version, stored, diff, activation } = await withStores(
    options,
    async (stores, config) => {
      const read = readProfileFile(file, config);
      const diff = await changesBy(read, stores, config);
      const [newest] = await stores.profiles.versions({ name: read.name });
      // Whoever runs a script twice does not want a second version of the same words.
      const stored = newest?.text !== read.text;
      const { version } = stored ? await stores.profiles.add(read, operator(), new Date()) : newest;
      const activation = options.activate
        ? await stores.profiles.activate(read.name, version, operator(), new Date())
        : undefined;
      return { name: read.name, version, stored, diff, activation };
    },
  );
  if (activation) requireActivated(activation, name);
  const active = activation !== undefined;
  if (options.json) {
    printJson({ name, version, stored, active, diff });
    return;
  }
  print(diff.join('\n') || 'It says the same as the active profile.');
  print(
    stored
      ? `Version ${version} of the profile ${name} is stored.`
      : `Version ${version} of the profile ${name} is this file already.`,
  );
  print(
    active
      ? 'Certificates are made by it from now on.'
      : `To make certificates by it: bestow profile activate ${name} ${version}`,
  );
}

/** What it would change in the active profile; all of it where there is none. */
async function changesBy(
  { name, config: next }: Pick<ReadProfile, 'name' | 'config'>,
  stores: Stores,
  config: Config,
): Promise<string[]> {
  const before = await activeText(name, stores, config);
  return textDiff(before, yamlOf(name, next));
}

async function activeText(name: string, stores: Stores, config: Config): Promise<string> {
  try {
    return yamlOf(name, (await findProfile(stores, config, name)).config);
  } catch (error) {
    if (error instanceof CommandError && error.exitCode === exitCodes.notFound) return '';
    throw error;
  }
}

type JsonOption = DataOption & { readonly json?: true };

async function activate(name: string, text: string, options: JsonOption): Promise<void> {
  const wanted = parseVersion(text);
  if (wanted === builtInVersion)
    throw conflict('The built-in profile is where `bestow profile rollback` ends.');
  const { diff, activation } = await withStores(options, async (stores, config) => {
    const found = await findProfile(stores, config, name, wanted);
    const diff = await changesBy(found, stores, config);
    const activation = await stores.profiles.activate(name, wanted, operator(), new Date());
    return { diff, activation };
  });
  report(requireActivated(activation, name), diff, options);
}

async function rollBack(name: string, options: JsonOption): Promise<void> {
  const { diff, activation } = await withStores(options, async (stores, config) => {
    const before = await activeText(name, stores, config);
    const activation = await stores.profiles.rollBack(name, operator(), new Date());
    return { diff: textDiff(before, await activeText(name, stores, config)), activation };
  });
  report(requireActivated(activation, name), diff, options);
}

type Activated = Extract<Activation, { kind: 'activated' }>;

function requireActivated(activation: Activation, name: string): Activated {
  if (activation.kind === 'unknown')
    throw notFound(`No version of the profile ${name} is there to be activated.`);
  if (activation.kind === 'refused') throw conflict(activation.reason);
  return activation;
}

function report({ name, version }: Activated, diff: readonly string[], options: JsonOption): void {
  if (options.json) {
    printJson({ name, version: version ?? builtInVersion, diff });
    return;
  }
  print(diff.join('\n') || 'It says the same as before.');
  const which =
    version === undefined ? 'the built-in profile' : `version ${version} of the profile`;
  print(`Certificates are made by ${which} ${name} from now on.`);
}
