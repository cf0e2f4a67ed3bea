/** What a profile makes of a request: whose names, which key, which announcement. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { builtInProfiles } from '../ca/built-in-profiles.ts';
import type { Profile, ProfileConfig } from '../ca/certificate-profile.ts';
import { parseCertificateRequest } from '../ca/certificate-request.ts';
import { checkProfile } from '../ca/check-profile.ts';
import { encodeCsrAttributes } from '../ca/csr-attributes.ts';
import { readDer } from '../ca/der.ts';
import {
  describeName,
  encodeName,
  type NameAttribute,
  readName,
} from '../ca/distinguished-name.ts';
import { keyUsage } from '../ca/extensions/key-usage.ts';
import { dotted } from '../ca/object-identifiers.ts';
import { authorizedOrder } from '../test/support/authorized-order.ts';
import {
  attribute,
  extensionRequest,
  forgeRequest,
  sequence,
} from '../test/support/forged-request.ts';
import { noRules } from './allocation/allocate.ts';
import { asKeyless } from './generate-key.ts';
import type { Group } from './group.ts';
import { defaultSettings, type GroupSettings } from './group-settings.ts';
import { decideEnrollment, decideKeyGeneration } from './policy.ts';
import {
  acceptedKeyTypes,
  announcementOf,
  requireParts,
  sharedAnnouncement,
} from './request-requirements.ts';

const profileOf = (config: ProfileConfig) => checkProfile('written', config, builtInProfiles());
const groupWith = (settings: Partial<GroupSettings>): Group => ({
  label: 'line-4',
  tenant: 'acme',
  settings: { ...defaultSettings, ...settings },
});

type ForgedRequest = NonNullable<Parameters<typeof forgeRequest>[0]>;

async function orderOf(
  profile: Profile,
  forged: ForgedRequest,
  settings: Partial<GroupSettings> = {},
) {
  const names = ['DNS:a.example', 'URI:urn:dev:1'];
  return {
    request: await parseCertificateRequest(forgeRequest(forged)),
    caller: {
      device: {
        id: 'pump-1',
        tenant: 'acme',
        group: 'line-4',
        names,
        status: 'active' as const,
        role: 'device' as const,
      },
      tenant: { id: 'acme', endpoints: [], suspended: false },
      group: groupWith(settings),
      credential: { kind: 'one-time-password' as const, id: 'otp-1' },
    },
    profile,
    linking: 'absent' as const,
    allocation: noRules,
    source: '192.0.2.1',
    requestId: 'request-1',
  };
}

const subject = {
  organizationName: 'Acme',
  organizationalUnitName: ['{tenant}', '{group}'],
  commonName: '{device}',
};
const own: NameAttribute[] = [
  { type: 'organizationName', text: 'Acme' },
  { type: 'organizationalUnitName', text: 'acme' },
  { type: 'organizationalUnitName', text: 'line-4' },
  { type: 'commonName', text: 'pump-1' },
];
const subjectIn = (octets: Uint8Array) => describeName(readName(readDer(octets)));

describe('the subject is the template’s, whatever part of it the request names', () => {
  const accepted = { all: own, none: [], some: own.slice(2), 'in another order': own.toReversed() };
  for (const [what, named] of Object.entries(accepted))
    test(what, async () => {
      const order = await orderOf(profileOf({ subject }), { subject: encodeName(named) });
      assert.equal(
        subjectIn(decideEnrollment(authorizedOrder('enroll', order)).subject),
        describeName(own),
      );
    });

  const refused: Record<string, NameAttribute[]> = {
    'another organisation': [{ type: 'organizationName', text: 'Evil' }],
    'a unit twice that is there once': [...own.slice(1, 2), ...own.slice(1, 2)],
    'an attribute that the template has not': [{ type: 'localityName', text: 'Acme' }],
    'a text of another attribute': [{ type: 'organizationName', text: 'pump-1' }],
  };
  for (const [what, named] of Object.entries(refused))
    test(`${what} is refused`, async () => {
      const order = await orderOf(profileOf({ subject }), { subject: encodeName(named) });
      assert.throws(() => decideEnrollment(authorizedOrder('enroll', order)), {
        code: 'identity-mismatch',
      });
    });

  test('nobody is refused', async () => {
    const profile = { ...profileOf({}), subject: [] };
    const order = await orderOf(profile, { subject: sequence() });
    assert.throws(() => decideEnrollment(authorizedOrder('enroll', order)), {
      message: /would name nobody/,
    });
  });

  test('changeSubjectName has the part of it that it names', async () => {
    const change = attribute(dotted.changeSubjectName, sequence(encodeName(own.slice(2))));
    const order = await orderOf(
      profileOf({ subject }),
      { subject: encodeName(own), attributes: [change] },
      { subjectChange: true },
    );
    assert.equal(
      subjectIn(decideEnrollment(authorizedOrder('enroll', order)).subject),
      describeName(own.slice(2)),
    );
  });
});

test('names that are always given stand in the plan unasked', async () => {
  const profile = profileOf({ subjectAltNames: { always: ['DNS'] } });
  const order = await orderOf(profile, { subject: sequence() });
  assert.deepEqual(decideEnrollment(authorizedOrder('enroll', order)).subjectAltNames, [
    'DNS:a.example',
  ]);
});

describe('kinds of key: group and profile both have to accept one', () => {
  test('what both accept, in the order of the group; an empty list is any', () => {
    const both = (ofGroup: string[], ofProfile: string[]) =>
      acceptedKeyTypes({ keyTypes: ofGroup as [] }, { keyTypes: ofProfile as [] });
    assert.deepEqual(both(['P-384', 'P-256'], ['P-256', 'P-384', 'P-521']), ['P-384', 'P-256']);
    assert.deepEqual(both([], ['P-256']), ['P-256']);
    assert.deepEqual(both(['P-256'], []), ['P-256']);
    assert.deepEqual(both([], []), []);
    assert.equal(both(['P-256'], ['P-384']), 'none');
  });

  test('a key of the group alone is refused', async () => {
    const { request } = await orderOf(profileOf({}), {});
    const group = groupWith({ keyTypes: ['P-256', 'P-384'] });
    requireParts(request, group, profileOf({ keyTypes: ['P-256'] }));
    assert.throws(() => requireParts(request, group, profileOf({ keyTypes: ['P-384'] })), {
      code: 'unsupported-key',
    });
  });

  test('where they have none in common, no key is accepted, and not any', async () => {
    const { request } = await orderOf(profileOf({}), {});
    const profile = profileOf({ keyTypes: ['P-384'] });
    assert.throws(() => requireParts(request, groupWith({ keyTypes: ['P-256'] }), profile), {
      code: 'unsupported-key',
      message: /No key will do/,
    });
  });

  test('a key that is made here has to be one', async () => {
    const profile = profileOf({ keyTypes: ['P-384'] });
    const { request, ...order } = await orderOf(profile, {}, { serverKeyType: 'P-256' });
    assert.throws(
      () =>
        decideKeyGeneration(
          authorizedOrder('serverkeygen', { ...order, request: asKeyless(request) }),
        ),
      {
        code: 'key-generation-not-allowed',
      },
    );
  });
});

describe('key usage that depends on the key', () => {
  const gateway = profileOf({ keyUsage: ['digitalSignature', 'keyEncipherment', 'keyAgreement'] });
  const group = groupWith({ requestParts: ['keyUsage'] });
  const asking = async (key: 'P-256' | 'RSA', usages: Parameters<typeof keyUsage>[0]) =>
    (await orderOf(gateway, { key, attributes: [extensionRequest(keyUsage(usages))] })).request;

  test('a request asks for what its key can have', async () => {
    requireParts(await asking('P-256', ['digitalSignature', 'keyAgreement']), group, gateway);
    requireParts(await asking('RSA', ['digitalSignature', 'keyEncipherment']), group, gateway);
    const wrong = await asking('P-256', ['digitalSignature', 'keyEncipherment']);
    assert.throws(() => requireParts(wrong, group, gateway), { code: 'request-incomplete' });
  });

  test('is announced for the kind of key that is announced, and else without a value', () => {
    const announced = (settings: Partial<GroupSettings>) =>
      announcementOf(groupWith({ requestParts: ['keyUsage'], ...settings }).settings, gateway);
    const value = (settings: Partial<GroupSettings>) =>
      announced(settings)?.extensions?.[0]?.extension;
    assert.deepEqual(
      value({ keyTypes: ['P-256'] }),
      keyUsage(['digitalSignature', 'keyAgreement']),
    );
    assert.equal(announced({})?.extensions?.length, 1);
    assert.equal(value({}), undefined);
    encodeCsrAttributes(announced({}) ?? assert.fail('nothing is announced'));
  });
});

describe('what is announced to whoever may be of any group', () => {
  const groups = [
    groupWith({ requestParts: ['commonName', 'keyUsage', 'extKeyUsage'], profile: 'a' }),
    groupWith({ requestParts: ['commonName', 'keyUsage', 'extKeyUsage'], profile: 'b' }),
  ];
  const announced = (a: ProfileConfig, b: ProfileConfig) =>
    sharedAnnouncement(groups, ({ settings }) => profileOf(settings.profile === 'a' ? a : b));

  test('an extension only where all profiles have the same value', () => {
    assert.equal(announced({}, {})?.extensions?.length, 2);
    const server: ProfileConfig = { extendedKeyUsage: ['clientAuth', 'serverAuth'] };
    assert.equal(announced({}, server)?.extensions?.length, 1);
  });

  test('a key only where all accept it', () => {
    const only: ProfileConfig = { keyTypes: ['P-256'] };
    assert.ok(announced(only, only)?.key);
    assert.equal(announced(only, {})?.key, undefined);
    assert.equal(announced({}, only)?.key, undefined);
  });

  test('no name that a profile does not give', () => {
    const nameless: ProfileConfig = { subject: {}, subjectAltNames: { required: ['URI'] } };
    assert.equal(announced({}, {})?.subject?.length, 1);
    assert.deepEqual(announced({}, nameless)?.subject ?? [], []);
  });

  test('nothing, where there is no group', () => {
    assert.equal(
      sharedAnnouncement([], () => profileOf({})),
      undefined,
    );
  });
});
