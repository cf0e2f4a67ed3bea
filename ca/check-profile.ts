/**
 * A profile as an operator wrote it, completed and checked whole: every problem is named with its path.
 */

import { type BuiltInProfiles, profileUse } from './built-in-profiles.ts';
import {
  formatDuration,
  type NameRules,
  type Profile,
  type ProfileConfig,
  parseDuration,
} from './certificate-profile.ts';
import { canonicalPurpose } from './extensions/extended-key-usage.ts';
import { defaultEndpointArc } from './extensions/upstream-endpoints.ts';
import { type ProfileProblem, profileProblems } from './profile-problems.ts';
import type { SubjectAttribute, SubjectTemplate } from './subject-template.ts';

/** With nothing left out: what a version of a profile is kept as. */
export type CompleteProfileConfig = Required<Omit<ProfileConfig, 'subjectAltNames'>> & {
  readonly subjectAltNames: NameRules;
};

/** A profile cannot be used; each problem is a sentence with its path. */
export class ProfileError extends TypeError {
  override readonly name = 'ProfileError';
  readonly problems: readonly ProfileProblem[];

  constructor(what: string, problems: readonly ProfileProblem[]) {
    const list = problems.map(({ path, says }) => `  - ${path}: ${says}`);
    super(`${what} cannot be used:\n${list.join('\n')}`);
    this.problems = problems;
  }
}

/**
 * What is left out is as in the built-in profile of that name, else as in `device`. Status pointers that noRevAvail
 * excludes go where they are not written, and a form of name has to be written in one list alone.
 */
export function completeConfig(
  name: string,
  config: ProfileConfig,
  builtIn: BuiltInProfiles,
): CompleteProfileConfig {
  const base = configOf(baseOf(name, builtIn));
  const { always, requested } = config.subjectAltNames ?? {};
  const names = {
    ...base.subjectAltNames,
    ...(always
      ? { requested: base.subjectAltNames.requested.filter((form) => !always.includes(form)) }
      : {}),
    ...(requested
      ? { always: base.subjectAltNames.always.filter((form) => !requested.includes(form)) }
      : {}),
    ...config.subjectAltNames,
  };
  const pointers = config.noRevAvail
    ? base.statusPointers.filter((pointer) => pointer === 'issuer')
    : base.statusPointers;
  return { ...base, statusPointers: pointers, ...config, subjectAltNames: names };
}

/**
 * @param config complete, or completed here
 * @param endpointArc dotted
 * @throws ProfileError with all that is wrong
 */
export function checkProfile(
  name: string,
  config: ProfileConfig,
  builtIn: BuiltInProfiles,
  endpointArc = defaultEndpointArc,
): Profile {
  const complete = completeConfig(name, config, builtIn);
  const problems: ProfileProblem[] = [];
  const seconds = (path: 'validity' | 'backdate') => {
    try {
      return parseDuration(complete[path]);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      problems.push({ path, says: error.message });
      return 1;
    }
  };
  const { noRevAvail, certificatePolicies, subject, validity, backdate, ...plain } = complete;
  const base = baseOf(name, builtIn);
  const profile: Profile = {
    ...plain,
    name,
    subject: templateOf(subject),
    extendedKeyUsage: complete.extendedKeyUsage.map(canonicalPurpose),
    validitySeconds: seconds('validity'),
    backdateSeconds: seconds('backdate'),
    certificatePolicies: certificatePolicies.map((policy) =>
      typeof policy === 'string' ? { oid: policy } : policy,
    ),
    endpointArc,
    ...(noRevAvail ? { noRevAvail: true as const } : {}),
    ...(base.ocspNoCheck && profileUse(name) === 'own' ? { ocspNoCheck: base.ocspNoCheck } : {}),
  };
  problems.push(...profileProblems(profile, base));
  if (problems.length > 0) throw new ProfileError(`The profile ${name}`, problems);
  return profile;
}

function baseOf(name: string, builtIn: BuiltInProfiles): Profile {
  const base = builtIn.get(name) ?? builtIn.get('device');
  if (!base) throw new RangeError('There must be a built-in profile of devices.');
  return base;
}

function templateOf(subject: Required<ProfileConfig>['subject']): SubjectTemplate {
  return Object.entries(subject).flatMap(([type, texts]) =>
    [texts].flat().map((text) => ({ type: type as SubjectAttribute, text })),
  );
}

/** A profile as an operator would write it. */
export function configOf(profile: Profile): CompleteProfileConfig {
  const { subject, validitySeconds, backdateSeconds, certificatePolicies } = profile;
  const types = [...new Set(subject.map(({ type }) => type))];
  const textsOf = (wanted: SubjectAttribute) => {
    const texts = subject.filter(({ type }) => type === wanted).map(({ text }) => text);
    return texts.length === 1 ? (texts[0] ?? '') : texts;
  };
  return {
    subject: Object.fromEntries(types.map((type) => [type, textsOf(type)])),
    subjectAltNames: profile.subjectAltNames,
    validity: formatDuration(validitySeconds),
    backdate: formatDuration(backdateSeconds),
    keyTypes: profile.keyTypes,
    keyUsage: profile.keyUsage,
    extendedKeyUsage: profile.extendedKeyUsage,
    certificatePolicies: certificatePolicies.map((policy) =>
      policy.cps === undefined ? policy.oid : policy,
    ),
    endpoints: profile.endpoints,
    statusPointers: profile.statusPointers,
    noRevAvail: profile.noRevAvail ?? false,
  };
}
