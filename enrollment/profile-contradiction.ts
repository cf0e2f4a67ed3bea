import { profileUse } from '../ca/built-in-profiles.ts';
import type { Profile } from '../ca/certificate-profile.ts';
import type { Group } from './group.ts';
import { acceptedKeyTypes } from './request-requirements.ts';

/** @returns why the devices of a group cannot have certificates of its profile, or undefined */
export function profileContradiction(
  { label, settings }: Pick<Group, 'label' | 'settings'>,
  { name, keyTypes }: Pick<Profile, 'name' | 'keyTypes'>,
): string | undefined {
  if (profileUse(name) !== 'device')
    return `The profile ${name} is not for devices; ${profileUse(name) === 'own' ? 'the keys of the CA itself' : 'registration authorities'} have it.`;
  if (acceptedKeyTypes(settings, { keyTypes }) === 'none')
    return `The group ${label} accepts keys of type ${settings.keyTypes.join(', ')}, and the profile ${name} accepts ${keyTypes.join(', ')}: no key would do.`;
  if (
    settings.serverKeys !== 'off' &&
    keyTypes.length > 0 &&
    !keyTypes.includes(settings.serverKeyType)
  )
    return `The group ${label} has keys of type ${settings.serverKeyType} made, which the profile ${name} does not accept.`;
  return undefined;
}
