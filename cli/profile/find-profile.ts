/**
 * A profile by what an operator calls it: its name, a version of it, or a file that is to become one.
 */

import { readFileSync } from 'node:fs';
import { stringify } from 'yaml';
import type { Profile } from '../../ca/certificate-profile.ts';
import { type CompleteProfileConfig, checkProfile, configOf } from '../../ca/check-profile.ts';
import type { ProfileVersion } from '../../enrollment/profile-directory.ts';
import type { Config } from '../../server/config.ts';
import { type ReadProfile, readProfile } from '../../server/profile-file.ts';
import { builtInOf } from '../../server/read-profiles.ts';
import type { Stores } from '../../storage/stores.ts';
import { notFound, usage } from '../exit.ts';

/** A profile as it is looked at. */
export interface FoundProfile {
  readonly name: string;
  /** Absent for what is built in, or stands in a file alone. */
  readonly version?: ProfileVersion;
  /** YAML: as written, or what the built-in profile would be written as. */
  readonly text: string;
  readonly config: CompleteProfileConfig;
  readonly profile: Profile;
}

export const builtInVersion = 'built-in';
/** A number, or the profile that is there without any version. */
export type VersionName = number | typeof builtInVersion;

/** @throws TypeError */
export function parseVersion(text: string): VersionName {
  if (text === builtInVersion) return text;
  const version = Number(text);
  if (!/^\d{1,9}$/.test(text) || version < 1)
    throw new TypeError(`"${text}" is not a version: write its number, or ${builtInVersion}.`);
  return version;
}

/** @param wanted the active one, where it is left out @throws CommandError */
export async function findProfile(
  { profiles }: Pick<Stores, 'profiles'>,
  config: Config,
  name: string,
  wanted?: VersionName,
): Promise<FoundProfile> {
  const versions = await profiles.versions({ name });
  const version = versions.find((each) =>
    wanted === undefined ? each.active : each.version === wanted,
  );
  const builtIn = builtInOf(config);
  if (version)
    return {
      name,
      version,
      text: version.text,
      config: version.config,
      profile: checkProfile(name, version.config, builtIn, config.endpointArc),
    };
  const profile = builtIn.get(name);
  if (!profile || typeof wanted === 'number') throw noSuch(name, versions, wanted);
  const complete = configOf(profile);
  return { name, text: yamlOf(name, complete), config: complete, profile };
}

function noSuch(name: string, versions: readonly ProfileVersion[], wanted?: VersionName) {
  if (wanted !== undefined) return notFound(`There is no version ${wanted} of a profile ${name}.`);
  const [newest] = versions;
  return notFound(
    newest
      ? `No version of the profile ${name} is active: bestow profile activate ${name} ${newest.version}`
      : `There is no profile ${name}.`,
  );
}

/** @throws ProfileError; CommandError where the file cannot be read */
export function readProfileFile(file: string, config: Config): ReadProfile {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw usage(`${file} cannot be read (${(cause as NodeJS.ErrnoException).code}).`);
  }
  return readProfile(text, builtInOf(config), config.endpointArc);
}

/** A name has no dot and no slash; whatever has one is a file. */
export function isFile(nameOrFile: string): boolean {
  return /[./]/.test(nameOrFile);
}

/** With nothing left out, so that two versions can be compared by what they mean. */
export function yamlOf(name: string, config: CompleteProfileConfig): string {
  return stringify({ name, ...config });
}
