/**
 * What contradicts itself, or the standards, in a profile. A certificate of a profile without problems passes the linter
 * with every key that the profile accepts.
 */

import { profileUse } from './built-in-profiles.ts';
import type { Profile } from './certificate-profile.ts';
import { deviceKeyTypes } from './device-key-types.ts';
import { type ExtendedKeyUsage, purposeIdentifier } from './extensions/extended-key-usage.ts';
import type { KeyUsage } from './extensions/key-usage.ts';
import { usagesOfKeyType } from './key-usage-of-key.ts';
import { formOf, patternProblem } from './name-pattern.ts';
import { attributeProblem, isOptional } from './subject-template.ts';

export interface ProfileProblem {
  /** In the YAML, such as `subjectAltNames.required`. */
  readonly path: string;
  /** One sentence. */
  readonly says: string;
}

/** Seconds. RFC 9608 gives no number; the CA/Browser Forum calls a certificate short-lived that lives for 7 days at most. */
export const shortLived = 7 * 86_400;
const mostBackdate = 86_400;

const devicePlaceholders = [
  ...['device', 'serial', 'tenant', 'group'],
  ...['region', 'site', 'building', 'manufacturer', 'context.NAME'],
];
const placeholdersOf: Readonly<Record<string, readonly string[]>> = {
  'tls-server': ['host'],
  'cmc-responder': ['ca'],
  'ocsp-responder': ['ca'],
};

/** @param base the built-in profile that it takes the place of */
export function profileProblems(profile: Profile, base: Profile): ProfileProblem[] {
  return [
    ...subjectProblems(profile),
    ...rules
      .filter(([, contradicts]) => contradicts(profile))
      .map(([path, , says]) => ({ path, says })),
    ...(profileUse(profile.name) === 'own'
      ? ownProblems(profile, base)
      : [...keyUsageProblems(profile), ...purposeProblems(profile), ...nameProblems(profile)]),
    ...policyProblems(profile),
  ];
}

function subjectProblems({ name, subject }: Profile): ProfileProblem[] {
  const placeholders = placeholdersOf[name] ?? devicePlaceholders;
  return subject.flatMap((attribute) => {
    const says = attributeProblem(attribute, placeholders);
    return says === undefined ? [] : [{ path: `subject.${attribute.type}`, says }];
  });
}

const twice = (list: readonly unknown[]) => new Set(list).size < list.length;
const isDevice = ({ name }: Profile) => profileUse(name) !== 'own';
const permits = ({ subjectAltNames: { always, requested } }: Profile) => [...always, ...requested];
const canBeEmpty = ({ subject }: Profile) => subject.every(isOptional);

const rules: readonly [path: string, contradicts: (profile: Profile) => boolean, says: string][] = [
  [
    'noRevAvail',
    ({ noRevAvail, statusPointers }) =>
      noRevAvail === true && (statusPointers.includes('crl') || statusPointers.includes('ocsp')),
    'a certificate cannot say that there is no status, and where it is: leave crl and ocsp out of statusPointers (RFC 9608 section 2).',
  ],
  [
    'noRevAvail',
    ({ noRevAvail, validitySeconds }) => noRevAvail === true && validitySeconds > shortLived,
    'what cannot be revoked has to end soon: the validity may be 7d at most.',
  ],
  [
    'backdate',
    ({ backdateSeconds }) => backdateSeconds > mostBackdate,
    'a certificate may begin one day before its issuance at most.',
  ],
  ['keyTypes', ({ keyTypes }) => twice(keyTypes), 'a kind of key stands twice.'],
  ['keyUsage', ({ keyUsage }) => twice(keyUsage), 'a usage stands twice.'],
  [
    'keyUsage',
    ({ keyUsage }) => keyUsage.length === 0,
    'a key must be for something (RFC 5280 section 4.2.1.3).',
  ],
  [
    'keyUsage',
    ({ keyUsage }) => keyUsage.includes('keyCertSign') || keyUsage.includes('cRLSign'),
    'only CAs sign certificates and CRLs (RFC 5280 section 4.2.1.9).',
  ],
  [
    'extendedKeyUsage',
    ({ extendedKeyUsage }) => twice(extendedKeyUsage),
    'a purpose stands twice.',
  ],
  [
    'extendedKeyUsage',
    ({ extendedKeyUsage }) => extendedKeyUsage.length === 0,
    'a certificate without a purpose would be good for every one: say at least one.',
  ],
  ['statusPointers', ({ statusPointers }) => twice(statusPointers), 'a pointer stands twice.'],
  [
    'subject',
    (profile) =>
      isDevice(profile) && canBeEmpty(profile) && profile.subjectAltNames.required.length === 0,
    'a subject that can be empty needs a name in subjectAltNames.required (RFC 5280 section 4.1.2.6).',
  ],
];

/** Both tables of usages and keys speak of each kind of key that the profile accepts. */
function keyUsageProblems(profile: Profile): ProfileProblem[] {
  const { keyUsage, keyTypes, extendedKeyUsage } = profile;
  const accepted = keyTypes.length > 0 ? keyTypes : deviceKeyTypes;
  const usages = accepted.map((type) => ({ type, usages: usagesOfKeyType(keyUsage, type) }));
  const unused = keyUsage.filter((usage) => usages.every((each) => !each.usages.includes(usage)));
  const without = usages.filter((each) => each.usages.length === 0).map(({ type }) => type);
  const authenticates = extendedKeyUsage.some((each) => tlsPurposes.has(each));
  const silent = usages
    .filter((each) => each.usages.length > 0 && !each.usages.some((usage) => tlsUsages.has(usage)))
    .map(({ type }) => type);
  return [
    ...unused.map((usage) => ({
      path: 'keyUsage',
      says: `${usage} fits none of the accepted kinds of key (RFC 4055 section 1.2, RFC 8813 section 3).`,
    })),
    ...(without.length > 0 && keyUsage.length > 0
      ? [
          {
            path: 'keyUsage',
            says: `for a key of type ${without.join(', ')} nothing is left of it: add digitalSignature, or say in keyTypes which keys are accepted.`,
          },
        ]
      : []),
    ...(authenticates && silent.length > 0
      ? [
          {
            path: 'extendedKeyUsage',
            says: `clientAuth and serverAuth need digitalSignature, keyEncipherment or keyAgreement, which a key of type ${silent.join(', ')} has not (RFC 5280 section 4.2.1.12).`,
          },
        ]
      : []),
  ];
}

const tlsPurposes = new Set<ExtendedKeyUsage>(['clientAuth', 'serverAuth']);
const tlsUsages = new Set<KeyUsage>(['digitalSignature', 'keyEncipherment', 'keyAgreement']);
const anyPurpose = '2.5.29.37.0';
const ofTheCa = new Set<ExtendedKeyUsage>(['OCSPSigning', 'cmcCA']);
const identifierSyntax = /^([01]\.[1-3]?\d|2\.(0|[1-9]\d*))(\.(0|[1-9]\d*))+$/;
const longestIdentifier = 100;

function isIdentifier(text: string): boolean {
  return text.length <= longestIdentifier && identifierSyntax.test(text);
}

function purposeProblems({ name, extendedKeyUsage: purposes }: Profile): ProfileProblem[] {
  const path = 'extendedKeyUsage';
  const authority = profileUse(name) === 'registration-authority';
  const wrong = purposes.flatMap((purpose) => {
    if (!isIdentifier(purposeIdentifier(purpose)))
      return [`"${purpose}" is neither a purpose with a name here nor a dotted object identifier.`];
    if (purpose === anyPurpose)
      return ['a certificate for every purpose is good for those of the CA as well.'];
    if (ofTheCa.has(purpose)) return [`${purpose} is for keys of the CA itself.`];
    if (purpose === 'cmcRA' && !authority)
      return [
        'cmcRA lets its holder enroll others: it belongs to the profile registration-authority.',
      ];
    return [];
  });
  const lacks = authority && !(purposes.includes('cmcRA') && purposes.includes('clientAuth'));
  return [
    ...wrong,
    ...(lacks
      ? [
          'a registration authority is known by cmcRA, and comes as a client: clientAuth (RFC 6402 section 2.10).',
        ]
      : []),
  ].map((says) => ({ path, says }));
}

function nameProblems(profile: Profile): ProfileProblem[] {
  const { always, requested, required, patterns, most } = profile.subjectAltNames;
  const permitted = permits(profile);
  const problem = (part: string, says: string) => ({ path: `subjectAltNames.${part}`, says });
  const serves = profile.extendedKeyUsage.includes('serverAuth');
  return [
    ...always
      .filter((form) => requested.includes(form))
      .map((form) => problem('requested', `${form} stands in always already.`)),
    ...required
      .filter((form) => !permitted.includes(form))
      .map((form) =>
        problem('required', `${form} is required, and neither in always nor in requested.`),
      ),
    ...patterns.flatMap((pattern, i) => {
      const form = formOf(pattern);
      const says =
        patternProblem(pattern, devicePlaceholders) ??
        (form && !permitted.includes(form)
          ? `${form} is neither in always nor in requested.`
          : undefined);
      return says === undefined ? [] : [problem(`patterns.${i}`, says)];
    }),
    ...(most === 0 && permitted.length > 0
      ? [problem('most', 'none may stand, and yet there are forms in always or requested.')]
      : []),
    ...(most > 0 && most < required.length
      ? [problem('most', 'there are more forms in required than names may stand.')]
      : []),
    ...(serves && !permitted.includes('DNS') && !permitted.includes('IP')
      ? [
          problem(
            'always',
            'a TLS server is known by a DNS name or an address (RFC 9525 section 6).',
          ),
        ]
      : []),
  ];
}

function policyProblems({ certificatePolicies: policies }: Profile): ProfileProblem[] {
  const path = 'certificatePolicies';
  return [
    ...(twice(policies.map(({ oid }) => oid))
      ? [{ path, says: 'a policy stands twice (RFC 5280 section 4.2.1.4).' }]
      : []),
    ...policies.flatMap(({ oid, cps }, i) => [
      ...(isIdentifier(oid)
        ? []
        : [{ path: `${path}.${i}`, says: `"${oid}" is no dotted object identifier.` }]),
      ...(cps === undefined || (/^https?:\/\/[\x21-\x7e]{1,500}$/.test(cps) && URL.canParse(cps))
        ? []
        : [{ path: `${path}.${i}.cps`, says: `"${cps}" is no http or https address in ASCII.` }]),
    ]),
  ];
}

/** The CA's own certificates: when they end and what they are called can be changed, and not what they are for. */
function ownProblems(profile: Profile, base: Profile): ProfileProblem[] {
  const { subject, validitySeconds, backdateSeconds, endpointArc } = base;
  const allowed = { subject, validitySeconds, backdateSeconds, endpointArc };
  const changed: Profile = { ...profile, ...allowed };
  const keys = Object.keys({ ...changed, ...base }) as (keyof Profile)[];
  return keys
    .filter((key) => JSON.stringify(changed[key]) !== JSON.stringify(base[key]))
    .map((path) => ({
      path,
      says: `of the profile ${base.name} only subject, validity and backdate can be changed: the CA and those who verify it rely on the rest.`,
    }));
}
