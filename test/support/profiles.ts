import { builtInProfiles } from '../../ca/built-in-profiles.ts';
import type { ProfileConfig } from '../../ca/certificate-profile.ts';
import { defaultEndpointArc } from '../../ca/extensions/upstream-endpoints.ts';
import { ActiveProfiles } from '../../enrollment/active-profiles.ts';
import type { OpenStores } from '../../storage/stores.ts';

/** As a server has them, over these stores. */
export function profilesOver(
  { profiles: directory }: Pick<OpenStores, 'profiles'>,
  defaults: Pick<ProfileConfig, 'validity' | 'endpoints'> = {},
): Promise<ActiveProfiles> {
  return ActiveProfiles.read({
    directory,
    builtIn: builtInProfiles(defaults),
    endpointArc: defaultEndpointArc,
    report: (error) => {
      throw error;
    },
  });
}
