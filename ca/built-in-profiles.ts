/**
 * The profiles that are there before an operator writes one.
 */

import {
  cmcResponderProfile,
  deviceProfile,
  ocspResponderProfile,
  type Profile,
  type ProfileConfig,
  registrationAuthorityProfile,
  tlsServerProfile,
} from './certificate-profile.ts';
import { defaultEndpointArc } from './extensions/upstream-endpoints.ts';

export type BuiltInProfiles = ReadonlyMap<string, Profile>;

/** Of the keys that are the CA's own: what they are for is not the operator's to say. */
const ownProfiles = [tlsServerProfile, cmcResponderProfile, ocspResponderProfile];
/** Of certificates that are made before there is anything to keep a profile in. */
const reserved = new Set(['root-ca', 'issuing-ca']);

/** Whom a profile is for: devices of the groups that name it, registration authorities, or the CA itself. */
export type ProfileUse = 'device' | 'registration-authority' | 'own';

export function profileUse(name: string): ProfileUse {
  if (ownProfiles.some((profile) => profile.name === name)) return 'own';
  return name === 'registration-authority' ? name : 'device';
}

const syntax = /^[a-z][a-z0-9-]{0,38}[a-z0-9]$/;

/** @throws TypeError with a sentence */
export function checkProfileName(name: string): string {
  if (!syntax.test(name))
    throw new TypeError(
      `"${name}" cannot be the name of a profile: use 2 to 40 small letters, digits and hyphens, beginning with a letter.`,
    );
  if (reserved.has(name))
    throw new TypeError(`The profile ${name} is made with the CA and cannot be written.`);
  return name;
}

/**
 * @param defaults what bestow.yaml says of devices
 * @param endpointArc dotted
 */
export function builtInProfiles(
  defaults: Pick<ProfileConfig, 'validity' | 'endpoints'> = {},
  endpointArc = defaultEndpointArc,
): BuiltInProfiles {
  const device = deviceProfile(defaults, endpointArc);
  const deviceServer: Profile = {
    ...device,
    name: 'device-server',
    extendedKeyUsage: ['clientAuth', 'serverAuth'],
    subjectAltNames: {
      ...device.subjectAltNames,
      always: ['DNS', 'IP'],
      requested: ['URI', 'email'],
    },
  };
  const gateway: Profile = {
    ...deviceServer,
    name: 'gateway',
    // TLS 1.2 with key transport or static agreement, which old field devices still speak to their gateway.
    keyUsage: ['digitalSignature', 'keyEncipherment', 'keyAgreement'],
    subjectAltNames: { ...deviceServer.subjectAltNames, required: ['DNS'] },
  };
  const authority = registrationAuthorityProfile(defaults);
  const all = [device, deviceServer, gateway, authority, ...ownProfiles];
  return new Map(all.map((profile) => [profile.name, profile]));
}
