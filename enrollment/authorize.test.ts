/** Every combination of who asks, for what, where, by which profile and issuer: what is granted, and nothing else is. */

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type Certificate, readCertificate } from '../ca/certificate.ts';
import { CertificateAuthority } from '../ca/certificate-authority.ts';
import { registrationAuthorityProfile } from '../ca/certificate-profile.ts';
import { Refusal } from '../ca/refusal.ts';
import { memoryLedger } from '../test/support/memory-ledger.ts';
import { devicesFor90Days, makePlan, makeSoftwareCa } from '../test/support/software-ca.ts';
import type { Caller } from './authenticator.ts';
import {
  type Authorized,
  AuthorizedIssuance,
  authorize,
  type IssuanceDemand,
  type Operation,
} from './authorize.ts';
import type { Device } from './device.ts';
import type { Group } from './group.ts';
import { defaultSettings, type GroupSettings } from './group-settings.ts';
import { decideEnrollment, decideReenrollment, type EnrollmentOrder } from './policy.ts';
import type { EnrollmentRefusalCode } from './refusal.ts';

const asks = [
  'a device by one-time password',
  'a device by its certificate',
  'a device by factory certificate',
  'a device by the key of its request',
  'a newcomer by the key of its request',
  'a newcomer by bootstrap credential',
  'a newcomer by one-time password',
  'a registration authority for itself',
  'a registration authority with a certificate of a device',
  'a registration authority by password, beside its certificate',
  'a registration authority for a device',
  'a registration authority for a device with its password',
  'a registration authority for another one',
  'a registration authority of another tenant for a device',
  'a device for a device',
  'nobody in the place of a device',
  'an operator',
  'an operator, about a registration authority',
] as const;
type Asks = (typeof asks)[number];

/** Each axis with its values; what a combination is made of. */
const axes = {
  asks,
  operation: [
    ...['enroll', 'reenroll', 'serverkeygen', 'repeat'],
    ...['revoke', 'relay', 'consult', 'adopt'],
  ] as Operation[],
  tenant: ['its own', "another's", 'its own, suspended'],
  device: ['active', 'blocked'],
  relay: ['active', 'blocked'],
  called: ['no label', "the group's", 'another of the tenant', "another tenant's"],
  group: ['the one of the device', 'another of the tenant', "another tenant's of that label"],
  credentials: ['either', 'both'],
  /** Named by the group, and used. */
  profile: [
    ...['meter, meter', 'meter, pump', 'meter, registration-authority', 'meter, tls-server'],
    ...['tls-server, tls-server', 'registration-authority, registration-authority'],
  ],
  issuer: ['shared', "the tenant's", 'of another name', "another tenant's of that name"],
} as const;
type Combination = { readonly [Axis in keyof typeof axes]: (typeof axes)[Axis][number] };

/** Who may ask for what; whatever is not here may not be asked for. */
const entitled: Record<Operation, readonly Asks[]> = {
  enroll: [
    'a device by one-time password',
    'a device by its certificate',
    'a device by factory certificate',
    'a device by the key of its request',
    'a newcomer by the key of its request',
    'a newcomer by bootstrap credential',
    'a registration authority for itself',
    'a registration authority with a certificate of a device',
    'a registration authority by password, beside its certificate',
    'a registration authority for a device',
    'a registration authority for a device with its password',
  ],
  serverkeygen: [
    'a device by one-time password',
    'a device by its certificate',
    'a device by factory certificate',
    'a registration authority for itself',
    'a registration authority with a certificate of a device',
    'a registration authority by password, beside its certificate',
    'a registration authority for a device',
    'a registration authority for a device with its password',
  ],
  reenroll: [
    'a device by its certificate',
    'a registration authority for itself',
    'a registration authority with a certificate of a device',
    'a registration authority by password, beside its certificate',
    'a registration authority for a device',
  ],
  repeat: [
    'a device by its certificate',
    'a registration authority for itself',
    'a registration authority with a certificate of a device',
  ],
  revoke: [
    'a device by its certificate',
    'a registration authority for itself',
    'a registration authority with a certificate of a device',
    'a registration authority for a device',
  ],
  relay: ['a registration authority for itself'],
  consult: [
    'a device by one-time password',
    'a device by its certificate',
    'a registration authority for itself',
    'a registration authority with a certificate of a device',
    'a registration authority by password, beside its certificate',
    'a registration authority for a device with its password',
  ],
  adopt: ['an operator', 'an operator, about a registration authority'],
};

const selves: readonly Asks[] = [
  'a registration authority by password, beside its certificate',
  'a registration authority for itself',
  'a registration authority with a certificate of a device',
];
const relays: readonly Asks[] = [
  'a registration authority for a device',
  'a registration authority for a device with its password',
  'a registration authority for another one',
  'a registration authority of another tenant for a device',
  'a device for a device',
];
const issuing: readonly Operation[] = ['enroll', 'reenroll', 'serverkeygen', 'repeat'];
const certifying: readonly Operation[] = [...issuing, 'adopt'];

interface Condition {
  readonly says: string;
  holds(combination: Combination): boolean;
  /** With which codes it may be refused. */
  readonly codes: readonly EnrollmentRefusalCode[];
}

const outside: EnrollmentRefusalCode[] = [
  ...(['unauthenticated', 'identity-mismatch', 'revocation-not-permitted'] as const),
];

/** The rule. All of it must hold. */
const rule: readonly Condition[] = [
  {
    says: 'who asks is entitled to ask for that',
    holds: ({ asks, operation }) => entitled[operation].includes(asks),
    codes: outside,
  },
  {
    says: 'the tenant is the one of the device',
    holds: ({ tenant }) => tenant !== "another's",
    codes: outside,
  },
  {
    says: 'the group is the one of the device, and of its tenant',
    holds: ({ group }) => group === 'the one of the device',
    codes: outside,
  },
  {
    says: "the label is the group's; a registration authority may call each of its tenant",
    holds: ({ called, asks }) =>
      called === 'no label' ||
      called === "the group's" ||
      (called === 'another of the tenant' && isAuthority(asks)),
    codes: outside,
  },
  {
    says: 'the device is not blocked',
    holds: ({ device, operation }) => operation === 'adopt' || device === 'active',
    codes: ['device-blocked'],
  },
  {
    says: 'nor is the registration authority',
    holds: ({ relay, asks }) => !relays.includes(asks) || relay === 'active',
    codes: ['device-blocked'],
  },
  {
    says: 'the tenant is not suspended',
    holds: ({ tenant, operation }) => operation === 'adopt' || tenant !== 'its own, suspended',
    codes: ['tenant-suspended'],
  },
  {
    says: 'no registration authority is in a group that asks for a password with each request',
    holds: ({ credentials, asks, operation }) =>
      !isAuthority(asks) || operation === 'adopt' || credentials === 'either',
    codes: ['unauthenticated'],
  },
  {
    says: "the profile is the group's, or that of registration authorities",
    holds: ({ profile, asks, operation }) =>
      !issuing.includes(operation) ||
      (isAuthority(asks)
        ? profile.endsWith(', registration-authority')
        : !profile.startsWith('meter') || profile === 'meter, meter'),
    codes: ['profile-not-permitted'],
  },
  {
    says: 'the profile is one for devices, or for registration authorities; of old ones not of more than they are',
    holds: ({ profile, asks, operation }) =>
      !certifying.includes(operation) ||
      (operation === 'adopt' && isAuthority(asks) && !profile.endsWith(', tls-server')) ||
      (isAuthority(asks)
        ? profile.endsWith(', registration-authority')
        : profile === 'meter, meter' || profile === 'meter, pump'),
    codes: ['profile-not-permitted'],
  },
  {
    says: "the issuer is the group's",
    holds: ({ issuer, operation }) => !issuing.includes(operation) || issuer !== 'of another name',
    codes: ['issuer-not-permitted'],
  },
  {
    says: "the issuer is no other tenant's",
    holds: ({ issuer, operation }) =>
      !certifying.includes(operation) || issuer !== "another tenant's of that name",
    codes: ['issuer-not-permitted'],
  },
];

function isAuthority(who: Asks): boolean {
  return (
    selves.includes(who) ||
    who === 'a registration authority for another one' ||
    who === 'an operator, about a registration authority'
  );
}

let ofDevice: Certificate;
let ofAuthority: Certificate;

before(async () => {
  const { issuing: issuer, signer } = await makeSoftwareCa();
  const parts = { issuer, signer, ledger: memoryLedger(), serialPrefix: 1 };
  const authority = new CertificateAuthority(parts);
  const profile = registrationAuthorityProfile({ validity: '90d', endpoints: 'none' });
  ofDevice = readCertificate((await authority.issue(makePlan())).certificate);
  ofAuthority = readCertificate((await authority.issue(makePlan({ profile }))).certificate);
});

const deviceOf = (id: string, changes: Partial<Device> = {}): Device => ({
  ...{ id, tenant: 'acme', group: 'line-1', names: [], status: 'active', role: 'device' },
  ...changes,
});

type Evidence = Pick<Caller, 'credential'> & Partial<Pick<Caller, 'certificate' | 'newcomer'>>;

function evidenceOf(who: Asks): Evidence {
  switch (who) {
    case 'a device by one-time password':
    case 'a registration authority for a device with its password':
      return { credential: { kind: 'one-time-password', id: 'otp-1' } };
    case 'a newcomer by one-time password':
      return { credential: { kind: 'one-time-password', id: 'otp-1' }, newcomer: true };
    case 'a device by factory certificate':
      return { credential: { kind: 'factory-certificate', id: 'digest' } };
    case 'a device by the key of its request':
      return { credential: { kind: 'request-key', id: 'digest' } };
    case 'a newcomer by the key of its request':
      return { credential: { kind: 'request-key', id: 'digest' }, newcomer: true };
    case 'a device by its certificate':
    case 'a registration authority with a certificate of a device':
      return { credential: { kind: 'client-certificate', id: '01' }, certificate: ofDevice };
    case 'a registration authority for itself':
      return { credential: { kind: 'client-certificate', id: '01' }, certificate: ofAuthority };
    case 'a newcomer by bootstrap credential':
      return { credential: { kind: 'bootstrap-credential', id: 'batch' }, newcomer: true };
    case 'a registration authority by password, beside its certificate':
      return { credential: { kind: 'one-time-password', id: 'otp-1' }, certificate: ofAuthority };
    case 'an operator':
    case 'an operator, about a registration authority':
      return { credential: { kind: 'operator', id: 'root' } };
    default:
      // The certificate is the device's that is to be renewed.
      return { credential: { kind: 'registration-authority', id: '02' }, certificate: ofDevice };
  }
}

function relayOf({ asks, relay: status, tenant }: Combination): Device | undefined {
  if (!relays.includes(asks)) return undefined;
  const role = asks === 'a device for a device' ? 'device' : 'registration-authority';
  const foreign = asks === 'a registration authority of another tenant for a device';
  // One of the tenant that is judged, so that nothing else is wrong where that is the wrong one.
  const home = tenant === "another's" ? 'globex' : 'acme';
  return deviceOf('relay', { tenant: foreign ? 'umbrella' : home, status, role });
}

function groupsOf({ group, called, tenant, credentials, profile }: Combination) {
  const [named = ''] = profile.split(', ');
  const settings: GroupSettings = {
    ...defaultSettings,
    ...{ issuer: 'issuer-1', profile: named, credentials },
  };
  const home = tenant === "another's" ? 'globex' : 'acme';
  const groups: Record<typeof group, Group> = {
    'the one of the device': { label: 'line-1', tenant: home, settings },
    'another of the tenant': { label: 'line-2', tenant: home, settings },
    "another tenant's of that label": { label: 'line-1', tenant: 'umbrella', settings },
  };
  const own = groups[group];
  const labels: Record<typeof called, Group | undefined> = {
    'no label': undefined,
    "the group's": { ...own, tenant: home },
    'another of the tenant': { label: 'line-3', tenant: home, settings },
    "another tenant's": { label: own.label, tenant: 'umbrella', settings },
  };
  return { group: own, called: labels[called] };
}

function demandOf(combination: Combination): IssuanceDemand {
  const { asks, tenant, device: status, profile, issuer } = combination;
  const role = isAuthority(asks) ? 'registration-authority' : 'device';
  const { group, called } = groupsOf(combination);
  const relayedBy = relayOf(combination);
  const caller: Caller = {
    device: deviceOf('device-1', { status, role }),
    tenant: {
      id: tenant === "another's" ? 'globex' : 'acme',
      endpoints: [],
      suspended: tenant === 'its own, suspended',
    },
    group,
    ...evidenceOf(asks),
    ...(relayedBy ? { relayedBy } : {}),
  };
  const issuers: Record<typeof issuer, IssuanceDemand['issuer']> = {
    shared: { name: 'issuer-1' },
    "the tenant's": { name: 'issuer-1', tenant: caller.tenant.id },
    'of another name': { name: 'issuer-2' },
    "another tenant's of that name": { name: 'issuer-1', tenant: 'umbrella' },
  };
  const [, used = ''] = profile.split(', ');
  return {
    operation: combination.operation as IssuanceDemand['operation'],
    ...{ caller, called, issuer: issuers[issuer] },
    profile: { ...devicesFor90Days, name: used },
  };
}

function* combinations(): Generator<Combination> {
  const names = Object.keys(axes) as (keyof typeof axes)[];
  const counts = names.map((name) => axes[name].length);
  const total = counts.reduce((product, count) => product * count, 1);
  for (let number = 0; number < total; number++) {
    let left = number;
    const values = names.map((name, i) => {
      const count = counts[i] ?? 1;
      const value = axes[name][left % count];
      left = Math.floor(left / count);
      return [name, value] as const;
    });
    const combination = Object.fromEntries(values) as unknown as Combination;
    if (tellsSomething(combination)) yield combination;
  }
}

/** An axis that means nothing for a combination stays at its first value. */
function tellsSomething({ asks, operation, relay, profile, issuer }: Combination): boolean {
  if (relay !== axes.relay[0] && !relays.includes(asks)) return false;
  if (certifying.includes(operation)) return true;
  return profile === axes.profile[0] && issuer === axes.issuer[0];
}

test('all that the rule grants is granted, and all else is refused, with a reason for it', () => {
  const { stackTraceLimit } = Error;
  // A trace for each refusal would take most of the time.
  Error.stackTraceLimit = 0;
  let granted = 0;
  const alone = new Map(rule.map(({ says }) => [says, 0]));
  const wrong: string[] = [];
  for (const combination of combinations()) {
    const violated = rule.filter((condition) => !condition.holds(combination));
    const outcome = judge(demandOf(combination));
    const [only] = violated;
    if (!only) granted++;
    else if (violated.length === 1) alone.set(only.says, (alone.get(only.says) ?? 0) + 1);
    const fits =
      outcome === 'granted'
        ? violated.length === 0
        : violated.some(({ codes }) => codes.includes(outcome));
    if (!fits && wrong.length < 5)
      wrong.push(`${outcome}, violated: ${violated.map(({ says }) => says).join('; ') || 'nothing'}
        ${JSON.stringify(combination)}`);
  }
  Error.stackTraceLimit = stackTraceLimit;
  assert.deepEqual(wrong, []);
  // Each condition is seen to matter by itself, or taking it away would go unnoticed.
  const unseen = [...alone].filter(([, count]) => count === 0).map(([says]) => says);
  assert.deepEqual(unseen, []);
  assert.ok(granted > 100, `${granted} granted`);
});

function judge(demand: IssuanceDemand): 'granted' | EnrollmentRefusalCode {
  try {
    const authorized = authorize(demand);
    assert.equal(authorized.operation, demand.operation);
    assert.equal(authorized.caller, demand.caller);
    return 'granted';
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    // A sentence.
    assert.match(error.message, /^\S.* .*\.$/);
    return error.code as EnrollmentRefusalCode;
  }
}

describe('what is said outside', () => {
  const fine: Combination = {
    ...{ asks: 'a registration authority for a device', operation: 'enroll' },
    ...{ tenant: 'its own', device: 'active', relay: 'active', called: 'no label' },
    ...{ group: 'the one of the device', credentials: 'either' },
    ...{ profile: 'meter, meter', issuer: 'shared' },
  };
  const saidOf = (changes: Partial<Combination>) => {
    try {
      authorize(demandOf({ ...fine, ...changes }));
    } catch (error) {
      return `${error}`;
    }
    return 'granted';
  };

  test('to a registration authority is the same, whatever keeps the device out of its reach', () => {
    const said = [
      { tenant: "another's" },
      { group: "another tenant's of that label" },
      { called: 'another of the tenant' },
      { called: "another tenant's" },
      { asks: 'a registration authority of another tenant for a device' },
      { asks: 'a registration authority for another one' },
    ] as const;
    const [first, ...more] = new Set(said.map(saidOf));
    assert.equal(
      first,
      'Refusal: The registry holds no device device-1 that relay may ask for here.',
    );
    assert.deepEqual(more, []);
    assert.equal(saidOf({}), 'granted');
  });

  test('to whoever may not revoke is the same, whatever the reason', () => {
    const said = [
      { tenant: "another's" },
      { called: "another tenant's" },
      { asks: 'a registration authority of another tenant for a device' },
      { asks: 'a device by one-time password' },
    ] as const;
    const all = new Set(said.map((changes) => saidOf({ ...changes, operation: 'revoke' })));
    assert.equal(all.size, 1);
  });
});

/** These lines are for the compiler, which would refuse the file if one of them were accepted. */
export function whatDoesNotCompile(
  consulting: Authorized<'consult'>,
  enrolling: AuthorizedIssuance<'enroll'>,
  order: Omit<EnrollmentOrder, 'authorized'>,
): void {
  // @ts-expect-error Nobody makes one by writing it down.
  const forged: Authorized<'consult'> = { operation: 'consult', caller: consulting.caller };
  // @ts-expect-error A copy with another caller is none.
  const copied: AuthorizedIssuance<'enroll'> = { ...enrolling, caller: forged.caller };
  // @ts-expect-error Nor does one make it.
  new AuthorizedIssuance(copied);
  // @ts-expect-error What was authorised was to enroll.
  decideReenrollment({ ...order, authorized: enrolling });
  // @ts-expect-error What was authorised was to be told.
  decideEnrollment({ ...order, authorized: consulting });
}
