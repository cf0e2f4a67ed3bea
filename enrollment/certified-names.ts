/**
 * The names in a device's certificate: a subject from the template of its profile, and those of its registered names that
 * the profile permits.
 */

import type { Profile } from '../ca/certificate-profile.ts';
import type { NameAttribute } from '../ca/distinguished-name.ts';
import type { GeneralNameForm } from '../ca/general-names.ts';
import { formOf, matchesPattern } from '../ca/name-pattern.ts';
import { renderSubject, type TemplateValues } from '../ca/subject-template.ts';
import type { Caller } from './authenticator.ts';
import { identityMismatch } from './refusal.ts';

/** Who is to be named. */
export type Bearer = Pick<Caller, 'device' | 'tenant' | 'group'>;

/** What stands for the placeholders of a profile: what the registry knows, and nothing of a request. */
export function valuesOf({ device, tenant, group }: Bearer): TemplateValues {
  const { id, serialNumber, region, site, building, manufacturer, context = {} } = device;
  const known = Object.entries(context).filter(([, text]) => text !== '');
  return {
    ...{ device: id, serial: serialNumber, tenant: tenant.id, group: group.label },
    ...{ region, site, building, manufacturer },
    ...Object.fromEntries(known.map(([name, text]) => [`context.${name}`, text])),
  };
}

/** All that a subject of this device can say. @throws Refusal identity-mismatch where the template asks for more */
export function subjectOf(profile: Profile, bearer: Bearer): NameAttribute[] {
  try {
    return renderSubject(profile.subject, valuesOf(bearer));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw identityMismatch(
      `The profile ${profile.name} cannot name device ${bearer.device.id}. ${error.message}`,
    );
  }
}

/**
 * The subject alternative names of a new certificate: those asked for, in their order, then those that the profile always
 * gives.
 * @throws Refusal identity-mismatch
 */
export function namesOf(requested: readonly string[], profile: Profile, bearer: Bearer): string[] {
  const { always } = profile.subjectAltNames;
  const given = permittedNames(profile, bearer).filter(
    (name) => isOf(always, name) && !requested.includes(name),
  );
  const names = [...requested, ...given];
  requireNames(names, profile, bearer);
  return names;
}

/** Those of the registry that a request may ask for. */
export function permittedNames(profile: Profile, bearer: Bearer): string[] {
  const { always, requested } = profile.subjectAltNames;
  return bearer.device.names.filter(
    (name) => isOf([...always, ...requested], name) && fitsPatterns(name, profile, bearer),
  );
}

/** Holds names that are to stand as they are to registry and profile. @throws Refusal identity-mismatch */
export function requireNames(names: readonly string[], profile: Profile, bearer: Bearer): void {
  const { device } = bearer;
  const { always, requested, required, patterns, most } = profile.subjectAltNames;
  const foreign = names.filter((name) => !device.names.includes(name));
  if (foreign.length > 0)
    throw identityMismatch(
      `The registry does not hold the names ${foreign.join(', ')} for device ${device.id}.`,
    );
  const barred = names.filter((name) => !isOf([...always, ...requested], name));
  if (barred.length > 0)
    throw identityMismatch(
      `The profile ${profile.name} gives no names such as ${barred.join(', ')}; it gives ${[...always, ...requested].join(', ') || 'none'}.`,
    );
  const unfit = names.filter((name) => !fitsPatterns(name, profile, bearer));
  if (unfit.length > 0)
    throw identityMismatch(
      `The names ${unfit.join(', ')} do not fit the patterns of the profile ${profile.name} (${patterns.join(', ')}).`,
    );
  if (names.length > most)
    throw identityMismatch(
      `There would be ${names.length} subject alternative names, and the profile ${profile.name} gives ${most} at most.`,
    );
  const lacking = required.filter((form) => !names.some((name) => isOf([form], name)));
  if (lacking.length > 0)
    throw identityMismatch(
      `The profile ${profile.name} needs a name of the form ${lacking.join(' and ')}: register one with \`bestow device set-names ${device.id}\`, and let the request ask for it.`,
    );
}

function isOf(forms: readonly GeneralNameForm[], name: string): boolean {
  return forms.some((form) => formOf(name) === form);
}

/** A form without patterns is free. */
function fitsPatterns(name: string, { subjectAltNames }: Profile, bearer: Bearer): boolean {
  const patterns = subjectAltNames.patterns.filter((pattern) => formOf(pattern) === formOf(name));
  const values = valuesOf(bearer);
  return patterns.length === 0 || patterns.some((each) => matchesPattern(name, each, values));
}
