import { type BuiltInProfiles, profileUse } from '../ca/built-in-profiles.ts';
import type { Profile } from '../ca/certificate-profile.ts';
import { checkProfile } from '../ca/check-profile.ts';
import { Unavailable } from '../ca/unavailable.ts';
import type { Caller } from './authenticator.ts';
import { profileNameOf } from './authorize.ts';
import { lookAgain } from './look-again.ts';
import type { ProfileDirectory } from './profile-directory.ts';

export interface ActiveProfilesParts {
  readonly directory: Pick<ProfileDirectory, 'revision' | 'active'>;
  readonly builtIn: BuiltInProfiles;
  /** Dotted. */
  readonly endpointArc: string;
  /** Called when the profiles could not be read again; the last ones serve on. */
  report(error: unknown): void;
}

/** Seconds. */
const retryAfter = 2;

/**
 * The profiles that certificates are made by, kept in memory: no enrollment waits for them. What an operator activates is
 * followed within seconds. A profile is the same value until another version of it is activated, since composers are kept
 * by profile.
 */
export class ActiveProfiles {
  readonly #parts: ActiveProfilesParts;
  #revision = -1;
  #profiles: ReadonlyMap<string, { readonly version?: number; readonly profile: Profile }>;
  #close: () => void = () => undefined;

  private constructor(parts: ActiveProfilesParts) {
    this.#parts = parts;
    this.#profiles = new Map([...parts.builtIn].map(([name, profile]) => [name, { profile }]));
  }

  /** @throws ProfileError where an active profile cannot be used, StorageUnavailable */
  static async read(parts: ActiveProfilesParts): Promise<ActiveProfiles> {
    const profiles = new ActiveProfiles(parts);
    await profiles.refresh();
    return profiles;
  }

  /** The profile of a device. @throws Unavailable */
  of({
    device,
    group,
  }: {
    device: Pick<Caller['device'], 'role'>;
    group: Caller['group'];
  }): Profile {
    return this.named(profileNameOf(device, group));
  }

  /** @throws Unavailable: no group can be given a profile that is not there, so it was activated a moment ago */
  named(name: string): Profile {
    const known = this.#profiles.get(name);
    if (!known)
      throw new Unavailable(`The certificate profile ${name} is not known here yet.`, retryAfter);
    return known.profile;
  }

  /** Reads what was activated since; one cheap query where that is nothing. */
  async refresh(): Promise<void> {
    const { directory, builtIn, endpointArc } = this.#parts;
    const revision = await directory.revision();
    if (revision === this.#revision) return;
    const profiles = new Map<string, { version?: number; profile: Profile }>(
      [...builtIn].map(([name, profile]) => [name, { profile }]),
    );
    for (const { name, version, config } of await directory.active()) {
      const before = this.#profiles.get(name);
      const profile =
        before?.version === version
          ? before.profile
          : checkProfile(name, config, builtIn, endpointArc);
      profiles.set(name, { version, profile });
    }
    this.#profiles = profiles;
    this.#revision = revision;
  }

  /** Looks every second what was activated, until it is closed. */
  follow(): void {
    this.#close = lookAgain(
      () => this.refresh(),
      (error) => this.#parts.report(error),
    );
  }

  close(): void {
    this.#close();
  }
}

/** Whether a group can name this profile for its devices. */
export function isForDevices(name: string): boolean {
  return profileUse(name) === 'device';
}
