/**
 * A certificate profile as an operator writes it: YAML, read strictly and checked whole, with every problem named.
 */

import { parseDocument } from 'yaml';
import { z } from 'zod';
import { type BuiltInProfiles, checkProfileName } from '../ca/built-in-profiles.ts';
import {
  endpointCarriers,
  type Profile,
  type ProfileConfig,
  statusPointers,
} from '../ca/certificate-profile.ts';
import {
  type CompleteProfileConfig,
  checkProfile,
  completeConfig,
  ProfileError,
} from '../ca/check-profile.ts';
import { deviceKeyTypes } from '../ca/device-key-types.ts';
import { keyUsages } from '../ca/extensions/key-usage.ts';
import { generalNameForms } from '../ca/general-names.ts';
import { subjectAttributes } from '../ca/subject-template.ts';

/** A list is short: what is longer is a mistake. */
const most = 32;
const text = z.string().min(1).max(500);
const forms = z.array(z.enum(generalNameForms)).max(generalNameForms.length);

const profileSchema = z.strictObject({
  name: text,
  subject: z
    .partialRecord(z.enum(subjectAttributes), z.union([text, z.array(text).min(1).max(most)]))
    .optional(),
  subjectAltNames: z
    .strictObject({
      always: forms.optional(),
      requested: forms.optional(),
      required: forms.optional(),
      patterns: z.array(text).max(most).optional(),
      most: z.int().min(0).max(most).optional(),
    })
    .optional(),
  validity: text.optional(),
  backdate: text.optional(),
  keyTypes: z.array(z.enum(deviceKeyTypes)).optional(),
  keyUsage: z.array(z.enum(keyUsages)).optional(),
  extendedKeyUsage: z.array(text).max(most).optional(),
  certificatePolicies: z
    .array(z.union([text, z.strictObject({ oid: text, cps: text.optional() })]))
    .max(most)
    .optional(),
  endpoints: z.enum(endpointCarriers).optional(),
  statusPointers: z.array(z.enum(statusPointers)).optional(),
  noRevAvail: z.boolean().optional(),
});

export interface ReadProfile {
  readonly name: string;
  /** As written. */
  readonly text: string;
  readonly config: CompleteProfileConfig;
  readonly profile: Profile;
}

const longestText = 65_536;

/**
 * @param yaml as written
 * @param endpointArc dotted
 * @throws ProfileError with all that is wrong
 */
export function readProfile(
  yaml: string,
  builtIn: BuiltInProfiles,
  endpointArc: string,
): ReadProfile {
  const { name, ...config } = parse(yaml);
  requireName(name);
  const complete = completeConfig(name, config, builtIn);
  return {
    name,
    text: yaml,
    config: complete,
    profile: checkProfile(name, complete, builtIn, endpointArc),
  };
}

function parse(yaml: string): ProfileConfig & { name: string } {
  const what = 'The profile';
  if (yaml.length > longestText)
    throw new ProfileError(what, [{ path: 'file', says: 'it is longer than 64 KB.' }]);
  const document = parseDocument(yaml);
  if (document.errors.length > 0)
    throw new ProfileError(
      what,
      document.errors.map(({ message }) => ({ path: 'YAML', says: message.split('\n')[0] ?? '' })),
    );
  const parsed = profileSchema.safeParse(document.toJS());
  if (!parsed.success)
    throw new ProfileError(
      what,
      parsed.error.issues.map(({ path, message }) => ({
        path: path.join('.') || 'top level',
        says: message,
      })),
    );
  // What is written is the schema's; whether a purpose is one is checked with the rest.
  return withoutUndefined(parsed.data) as ProfileConfig & { name: string };
}

function withoutUndefined(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined));
}

function requireName(name: string): void {
  try {
    checkProfileName(name);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new ProfileError('The profile', [{ path: 'name', says: error.message }]);
  }
}
