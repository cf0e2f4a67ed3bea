/**
 * What a group insists on in every request, beyond what all requests have: one list, made from its settings and the
 * profile, that /csrattrs announces and the policy enforces.
 */

import type { Profile } from '../ca/certificate-profile.ts';
import type { CertificateRequest, RequestContent } from '../ca/certificate-request.ts';
import type { CsrAttributes } from '../ca/csr-attributes.ts';
import { readDer, sameBytes } from '../ca/der.ts';
import type { DeviceKeyType } from '../ca/device-key-types.ts';
import { extendedKeyUsage } from '../ca/extensions/extended-key-usage.ts';
import { type KeyUsage, keyUsage } from '../ca/extensions/key-usage.ts';
import { dependOnKey, usagesOfKey, usagesOfKeyType } from '../ca/key-usage-of-key.ts';
import { oid } from '../ca/object-identifiers.ts';
import { Refusal, type RequestRefusalCode } from '../ca/refusal.ts';
import type { Group } from './group.ts';
import { type GroupSettings, type RequestPart, requestParts } from './group-settings.ts';
import { keyRequirements } from './key-requirements.ts';
import { carriers as linkingAttributes } from './linking.ts';
import type { EnrollmentRefusalCode } from './refusal.ts';
import { nameAndNumber, type Requirement } from './requirement.ts';

/**
 * Holds a request to what its group announces.
 * @throws Refusal unsupported-key where the key is not accepted, else request-incomplete; it names all that is missing or
 *   wrong at once
 */
export function requireParts(request: CertificateRequest, group: Group, profile: Profile): void {
  if (acceptedKeyTypes(group.settings, profile) === 'none')
    throw new Refusal<RequestRefusalCode>(
      'unsupported-key',
      `No key will do: the group ${group.label} accepts ${group.settings.keyTypes.join(', ')}, and its profile ${profile.name} accepts ${profile.keyTypes.join(', ')}.`,
    );
  requireAll(request, requirementsOf(group.settings, profile), group);
}

/**
 * The same without key and signature, which are there for the form only when the server makes the key (RFC 7030 section
 * 4.4.1).
 * @throws Refusal request-incomplete
 */
export function requireContent(request: RequestContent, group: Group, profile: Profile): void {
  // The key that is to be made.
  const keyTypes = [group.settings.serverKeyType];
  requireAll(request, contentRequirements({ ...group.settings, keyTypes }, profile), group);
}

function requireAll<Request extends RequestContent>(
  request: Request,
  requirements: readonly Requirement<Request>[],
  { label }: Group,
): void {
  const unmet = requirements.flatMap((requirement) => {
    const instead = requirement.instead(request);
    return instead === undefined ? [] : [{ ...requirement, instead }];
  });
  if (unmet.length === 0) return;
  const code = unmet.some(({ announces }) => announces.key)
    ? 'unsupported-key'
    : 'request-incomplete';
  throw new Refusal<RequestRefusalCode | EnrollmentRefusalCode>(
    code,
    `The request does not have what /${label}/csrattrs announces. It must have ${unmet
      .map(({ words, instead }) => `${words} (it has ${instead})`)
      .join('; ')}.`,
  );
}

/** The settings that say something about requests. */
export type RequestSettings = Pick<
  GroupSettings,
  'linking' | 'keyTypes' | 'signatureHashes' | 'requestParts'
>;

/** What /csrattrs says of a group with these settings; undefined where that is nothing. */
export function announcementOf(
  settings: RequestSettings,
  profile: Profile,
): CsrAttributes | undefined {
  const announced = [
    // Enforced by linking.ts, which knows the connection. Both carriers, for older and newer clients (RFC 7894 section 4).
    ...(settings.linking === 'required'
      ? [{ attributes: linkingAttributes.map((type) => oid[type]) }]
      : []),
    ...requirementsOf(settings, profile).map(({ announces }) => announces),
  ];
  if (announced.length === 0) return undefined;
  const key = announced.flatMap((each) => each.key ?? [])[0];
  return {
    attributes: announced.flatMap(({ attributes }) => attributes ?? []),
    extensions: announced.flatMap(({ extensions }) => extensions ?? []),
    subject: announced.flatMap(({ subject }) => subject ?? []),
    signatures: announced.flatMap(({ signatures }) => signatures ?? []),
    ...(key ? { key } : {}),
  };
}

/** What every one of these groups insists on, for a caller who may be of any of them. */
export function sharedSettings(groups: readonly Group[]): RequestSettings {
  const all = groups.map(({ settings }) => settings);
  const shared = <Word>(wordsOf: (settings: RequestSettings) => readonly Word[]): Word[] =>
    [...new Set(all.flatMap(wordsOf))].filter((word) =>
      all.every((settings) => wordsOf(settings).includes(word)),
    );
  const linked = all.length > 0 && all.every(({ linking }) => linking === 'required');
  return {
    linking: linked ? 'required' : 'optional',
    keyTypes: shared(({ keyTypes }) => keyTypes),
    signatureHashes: shared(({ signatureHashes }) => signatureHashes),
    requestParts: shared((settings) => settings.requestParts),
  };
}

/**
 * What every one of these groups announces, for a caller who may be of any of them.
 * @param profileOf what the devices of a group have
 */
export function sharedAnnouncement(
  groups: readonly Group[],
  profileOf: (group: Group) => Profile,
): CsrAttributes | undefined {
  const profiles = groups.map(profileOf);
  const [first] = profiles;
  if (!first) return undefined;
  const settings = sharedSettings(
    groups.map((group) => {
      const keyTypes = acceptedKeyTypes(group.settings, profileOf(group));
      const accepted = keyTypes === 'none' ? [] : keyTypes;
      return { ...group, settings: { ...group.settings, keyTypes: accepted } };
    }),
  );
  // An extension is announced with its value, which is the profile's.
  const agree = (part: 'keyUsage' | 'extendedKeyUsage') =>
    new Set(profiles.map((profile) => profile[part].toSorted().join(' '))).size === 1;
  const shared = settings.requestParts.filter((part) => {
    if (part === 'keyUsage') return agree('keyUsage');
    if (part === 'extKeyUsage') return agree('extendedKeyUsage');
    return profiles.every((profile) => isToBeHad(part, profile));
  });
  return announcementOf({ ...settings, requestParts: shared }, { ...first, keyTypes: [] });
}

function requirementsOf(settings: RequestSettings, profile: Profile): Requirement[] {
  const keyTypes = acceptedKeyTypes(settings, profile);
  const both = { ...settings, keyTypes: keyTypes === 'none' ? [] : keyTypes };
  return [...keyRequirements(both), ...contentRequirements(both, profile)];
}

/** What group and profile both accept: an empty list means any kind of key, as it does with each of them. */
export function acceptedKeyTypes(
  { keyTypes: ofGroup }: Pick<GroupSettings, 'keyTypes'>,
  { keyTypes: ofProfile }: Pick<Profile, 'keyTypes'>,
): readonly DeviceKeyType[] | 'none' {
  if (ofGroup.length === 0) return ofProfile;
  if (ofProfile.length === 0) return ofGroup;
  const both = ofGroup.filter((type) => ofProfile.includes(type));
  return both.length > 0 ? both : 'none';
}

/** In one order and each once, whatever the operator wrote: no extension may be announced twice (RFC 9908 section 3.2). */
function contentRequirements(
  settings: Pick<RequestSettings, 'requestParts' | 'keyTypes'>,
  profile: Profile,
): Requirement<RequestContent>[] {
  const applies = (part: RequestPart) => isToBeHad(part, profile);
  return requestParts
    .filter((part) => settings.requestParts.includes(part) && applies(part))
    .map((part) => partRequirements[part](profile, settings));
}

/** A key that only encrypts has no purposes to ask for, and no request can have a name that the profile does not give. */
function isToBeHad(
  part: RequestPart,
  { extendedKeyUsage: purposes, subject, subjectAltNames }: Profile,
) {
  switch (part) {
    case 'extKeyUsage':
      return purposes.length > 0;
    case 'commonName':
    case 'serialNumber':
      return subject.some(({ type }) => type === part);
    case 'subjectAltName':
      return subjectAltNames.most > 0;
    default:
      return true;
  }
}

type KeySettings = Pick<RequestSettings, 'keyTypes'>;

const partRequirements: Record<
  RequestPart,
  (profile: Profile, settings: KeySettings) => Requirement<RequestContent>
> = {
  commonName: () => subjectRequirement('commonName'),
  serialNumber: () => subjectRequirement('serialNumber'),
  subjectAltName: () => ({
    words: `the extension ${nameAndNumber('subjectAltName')} with at least one name`,
    announces: { extensions: [{ type: oid.subjectAltName }] },
    instead: (request) => (namesIn(request).subjectAltNames.length > 0 ? undefined : 'none'),
  }),
  keyUsage: keyUsageRequirement,
  extKeyUsage: ({ extendedKeyUsage: purposes }) =>
    extensionRequirement('extKeyUsage', purposes, extendedKeyUsage(purposes)),
  otpChallenge: () => challengeRequirement('otpChallenge'),
  revocationChallenge: () => challengeRequirement('revocationChallenge'),
};

/** The names that the certificate is to have: changeSubjectName replaces all others (RFC 6402 section 2.8). */
function namesIn(request: RequestContent) {
  return request.subjectChange ?? request;
}

function subjectRequirement(type: 'commonName' | 'serialNumber'): Requirement<RequestContent> {
  return {
    words: `a ${nameAndNumber(type)} in its subject`,
    announces: { subject: [oid[type]] },
    instead: (request) =>
      namesIn(request).subjectAttributes.some((attribute) => attribute.type === type)
        ? undefined
        : 'none',
  };
}

/** Where the usages depend on the key, they are announced for the kind of key that is announced, and else without a value. */
function keyUsageRequirement(
  { keyUsage: usages }: Profile,
  { keyTypes: [announced] }: KeySettings,
): Requirement<RequestContent> {
  if (!dependOnKey(usages)) return extensionRequirement('keyUsage', usages, keyUsage(usages));
  const example = announced && usagesOfKeyType(usages, announced);
  return {
    words: `the extension ${nameAndNumber('keyUsage')} with those of ${usages.join(', ')} that the key can have`,
    announces: {
      extensions: [{ type: oid.keyUsage, ...(example ? { extension: keyUsage(example) } : {}) }],
    },
    instead: (request) => {
      const fitting = 'publicKey' in request ? usagesOfRequest(usages, request) : example;
      // Whose key is still to be made cannot know what it will be able to do.
      if (!fitting) return request.extensions.has('keyUsage') ? undefined : 'none';
      return extensionRequirement('keyUsage', fitting, keyUsage(fitting)).instead(request);
    },
  };
}

function usagesOfRequest(
  usages: readonly KeyUsage[],
  request: RequestContent,
): readonly KeyUsage[] {
  const { publicKey } = request as CertificateRequest;
  return usagesOfKey(usages, publicKey.subjectPublicKeyInfo);
}

/** @param extension with the value that the certificate will have */
function extensionRequirement(
  type: 'keyUsage' | 'extKeyUsage',
  usages: readonly string[],
  extension: Uint8Array,
): Requirement<RequestContent> {
  const expected = readDer(extension).children.at(-1)?.content ?? new Uint8Array();
  return {
    words: `the extension ${nameAndNumber(type)} with exactly ${usages.join(' and ')}`,
    announces: { extensions: [{ type: oid[type], extension }] },
    instead({ extensions }) {
      const value = extensions.get(type);
      if (!value) return 'none';
      return sameBytes(value, expected) ? undefined : 'another value';
    },
  };
}

/** That the value is right is for others to verify. */
function challengeRequirement(
  type: 'otpChallenge' | 'revocationChallenge',
): Requirement<RequestContent> {
  return {
    words: `the attribute ${nameAndNumber(type)} (RFC 7894)`,
    announces: { attributes: [oid[type]] },
    instead: ({ challenges }) => (challenges[type] === undefined ? 'none' : undefined),
  };
}
