/**
 * The certificate profiles of this configuration: those built in, and those that operators activated.
 */

import { type BuiltInProfiles, builtInProfiles } from '../ca/built-in-profiles.ts';
import { ActiveProfiles, type ActiveProfilesParts } from '../enrollment/active-profiles.ts';
import type { Config } from './config.ts';

type ProfileSettings = Pick<Config, 'profiles' | 'endpointArc'>;

export function builtInOf({ profiles, endpointArc }: ProfileSettings): BuiltInProfiles {
  return builtInProfiles(profiles.device, endpointArc);
}

/**
 * As they are now; `follow` keeps them so.
 * @param report told why they could not be read again
 * @throws ProfileError where an active one cannot be used
 */
export function readActiveProfiles(
  directory: ActiveProfilesParts['directory'],
  config: ProfileSettings,
  report: ActiveProfilesParts['report'] = () => undefined,
): Promise<ActiveProfiles> {
  const { endpointArc } = config;
  return ActiveProfiles.read({ directory, builtIn: builtInOf(config), endpointArc, report });
}
