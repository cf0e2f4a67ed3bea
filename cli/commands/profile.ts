import { execFileSync } from 'node:child_process';
import { Command, Option, type Command as Parent } from 'commander';
import { profileUse } from '../../ca/built-in-profiles.ts';
import { requireActive } from '../../ca/certification-authority.ts';
import { ProfileError } from '../../ca/check-profile.ts';
import { type DeviceKeyType, deviceKeyTypes } from '../../ca/device-key-types.ts';
import { prospectOf } from '../../enrollment/allocation/prospect.ts';
import type { Bearer } from '../../enrollment/certified-names.ts';
import { type Config, loadConfig } from '../../server/config.ts';
import { toPem } from '../../server/data-directory.ts';
import { builtInOf } from '../../server/read-profiles.ts';
import type { Stores } from '../../storage/stores.ts';
import { rulesOnRecord } from '../allocation/rules-on-record.ts';
import { loadCa } from '../certification-authority.ts';
import { type DataOption, withJson, withStores } from '../data.ts';
import { CommandError, exitCodes, notFound, usage } from '../exit.ts';
import { print, printJson, printTable } from '../print.ts';
import {
  builtInVersion,
  findProfile,
  isFile,
  parseVersion,
  readProfileFile,
  yamlOf,
} from '../profile/find-profile.ts';
import { imaginaryBearer, previewCertificate } from '../profile/preview-certificate.ts';
import { textDiff } from '../profile/text-diff.ts';
import { addVersionCommands } from './profile-versions.ts';

export function profileCommand(): Command {
  const profile = new Command('profile').description('certificate profiles: what certificates say');
  withJson(profile.command('list'))
    .description('list profiles, and the groups whose devices have them')
    .action(list);
  withJson(profile.command('show'))
    .description('print a profile as YAML')
    .argument('<name>')
    .option('--version <n>', `this version of it, or \`${builtInVersion}\`; else the active one`)
    .option('--diff [n]', 'how it differs from another version; from the active one by default')
    .action(show);
  withJson(profile.command('check'))
    .description('check a profile in a file; all problems are named')
    .argument('<file>')
    .action(check);
  addPreview(profile);
  addVersionCommands(profile);
  return profile;
}

function addPreview(profile: Parent): void {
  withJson(profile.command('preview'))
    .description(
      'print the certificate that a profile would give, with a signature that is worth nothing',
    )
    .argument('<name-or-file>')
    .option('--device <id>', 'for this device; for one that is not there when left out')
    .option('--group <label>', 'for a device of this group')
    .addOption(new Option('--key-type <type>', 'with this kind of key').choices(deviceKeyTypes))
    .addOption(
      new Option('--pem', 'print PEM, and not what `openssl x509 -text` makes of it').conflicts(
        'text',
      ),
    )
    .option('--text', 'print what `openssl x509 -text` makes of it')
    .action(preview);
}

interface JsonOption extends DataOption {
  readonly json?: true;
}

async function list(options: JsonOption): Promise<void> {
  const rows = await withStores(options, async ({ profiles, tenants }, config) => {
    const versions = await profiles.versions({});
    const groups = await tenants.groups({});
    const names = new Set([...builtInOf(config).keys(), ...versions.map(({ name }) => name)]);
    return [...names].sort().map((name) => {
      const own = versions.filter((version) => version.name === name);
      const active = own.find((version) => version.active)?.version;
      return {
        name,
        use: profileUse(name),
        active: active ?? (builtInOf(config).has(name) ? builtInVersion : null),
        newest: own[0]?.version ?? null,
        groups: groups
          .filter(({ settings }) => settings.profile === name)
          .map(({ label }) => label),
      };
    });
  });
  if (options.json) printJson(rows);
  else printTable(rows, 'There are no profiles.');
}

interface ShowOptions extends JsonOption {
  readonly version?: string;
  readonly diff?: string | true;
}

async function show(name: string, options: ShowOptions): Promise<void> {
  const { version: wanted, diff } = options;
  const { found, other } = await withStores(options, async (stores, config) => ({
    found: await findProfile(
      stores,
      config,
      name,
      wanted === undefined ? wanted : parseVersion(wanted),
    ),
    other:
      diff === undefined
        ? undefined
        : await findProfile(stores, config, name, diff === true ? undefined : parseVersion(diff)),
  }));
  const { version, text, config } = found;
  const changes = other && textDiff(yamlOf(name, other.config), yamlOf(name, config));
  if (options.json)
    printJson({
      name,
      version: version?.version ?? builtInVersion,
      ...(version
        ? { active: version.active, createdAt: version.createdAt, createdBy: version.createdBy }
        : {}),
      config,
      ...(changes ? { diff: changes } : { text }),
    });
  else if (changes) print(changes.join('\n') || 'They say the same.');
  else process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

function check(file: string, options: JsonOption): void {
  const problems = problemsIn(file, loadConfig(options.data));
  if (options.json) printJson(problems);
  else if (problems.length === 0) print(`${file} is a profile that can be used.`);
  else for (const { path, says } of problems) print(`PROBLEM  ${path}: ${says}`);
  if (problems.length > 0)
    throw new CommandError(exitCodes.failure, `${problems.length} problem(s) found.`);
}

function problemsIn(file: string, config: Config): ProfileError['problems'] {
  try {
    readProfileFile(file, config);
    return [];
  } catch (error) {
    if (error instanceof ProfileError) return error.problems;
    throw error;
  }
}

interface PreviewOptions extends JsonOption {
  readonly device?: string;
  readonly group?: string;
  readonly keyType?: DeviceKeyType;
  readonly pem?: true;
}

const warning = "A preview: no CA has signed this certificate, and its key is nobody's.";

async function preview(nameOrFile: string, options: PreviewOptions): Promise<void> {
  if (options.device !== undefined && options.group !== undefined)
    throw usage('A device has its group: leave --group out.');
  const der = await withStores(options, async (stores, config) => {
    const { profile } = isFile(nameOrFile)
      ? readProfileFile(nameOrFile, config)
      : await findProfile(stores, config, nameOrFile);
    if (profileUse(profile.name) === 'own')
      throw usage(
        `The certificates of the profile ${profile.name} are the CA's own: see \`bestow profile show\`.`,
      );
    const bearer =
      options.device === undefined
        ? imaginaryBearer(profile, await groupOf(stores, options.group))
        : await deviceOf(stores, options.device);
    const { keyType } = options;
    const key = requireActive(await loadCa(stores), bearer.group.settings.issuer);
    const prospect = prospectOf(bearer, await rulesOnRecord(stores));
    // Of a device that is not there, nothing says where it is.
    if ('refusal' in prospect && options.device !== undefined) throw usage(prospect.refusal);
    const order = {
      profile,
      bearer,
      ...(keyType ? { keyType } : {}),
      ...('refusal' in prospect || prospect.ask ? {} : { endpoints: prospect.endpoints }),
    };
    return previewCertificate(order, key, config);
  });
  const pem = toPem(der);
  if (options.json) printJson({ preview: warning, pem, text: opensslText(pem) });
  else if (options.pem) process.stdout.write(`# ${warning}\n${pem}`);
  else process.stdout.write(`# ${warning}\n${opensslText(pem)}`);
}

async function deviceOf({ devices }: Stores, id: string): Promise<Bearer> {
  const known = await devices.find(id);
  if (!known) throw notFound(`There is no device ${id}.`);
  return known;
}

async function groupOf({ tenants }: Stores, label: string | undefined) {
  if (label === undefined) return undefined;
  const group = await tenants.groupOf(label);
  const found = group && (await tenants.find(group.tenant));
  if (!group || !found) throw notFound(`There is no group ${label}.`);
  return { group, tenant: found.tenant };
}

/** @throws CommandError where there is no OpenSSL */
function opensslText(pem: string): string {
  try {
    return execFileSync('openssl', ['x509', '-noout', '-text'], { input: pem, encoding: 'utf8' });
  } catch (cause) {
    throw new CommandError(
      exitCodes.unavailable,
      'OpenSSL is needed to print a certificate as text; --pem prints it without.',
      { cause },
    );
  }
}
