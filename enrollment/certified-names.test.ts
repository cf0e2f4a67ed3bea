import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { builtInProfiles } from '../ca/built-in-profiles.ts';
import type { ProfileConfig } from '../ca/certificate-profile.ts';
import { checkProfile } from '../ca/check-profile.ts';
import {
  type Bearer,
  namesOf,
  permittedNames,
  requireNames,
  subjectOf,
} from './certified-names.ts';
import { defaultSettings } from './group-settings.ts';

const names = ['DNS:pump-1.plant.example', 'DNS:other.example', 'IP:192.0.2.1', 'URI:urn:dev:1'];
const bearer: Bearer = {
  device: {
    id: 'pump-1',
    tenant: 'acme',
    group: 'line-4',
    names,
    status: 'active',
    role: 'device',
  },
  tenant: { id: 'acme', endpoints: [], suspended: false },
  group: { label: 'line-4', tenant: 'acme', settings: defaultSettings },
};

const profileOf = (config: ProfileConfig) => checkProfile('written', config, builtInProfiles());
const mismatch = (message: RegExp) => ({ name: 'Refusal', code: 'identity-mismatch', message });

describe('the subject', () => {
  test('is made of what registry, tenant and group say', () => {
    const subject = {
      organizationName: '{tenant}',
      organizationalUnitName: '{group}',
      commonName: '{device}',
      serialNumber: '{serial?}',
    };
    assert.deepEqual(
      subjectOf(profileOf({ subject }), bearer).map(({ text }) => text),
      ['acme', 'line-4', 'pump-1'],
    );
  });

  test('says where the device is, and what else is known of it', () => {
    const subject = {
      organizationName: '{manufacturer?}',
      organizationalUnitName: ['{site}', '{building?}', '{region?}'],
      commonName: '{context.gearbox}/{device}',
      localityName: '{context.blank?}',
    };
    const place = { region: 'eu-1', site: 'Hall 7', context: { gearbox: 'G-12', blank: '' } };
    const device = { ...bearer.device, ...place };
    assert.deepEqual(
      subjectOf(profileOf({ subject }), { ...bearer, device }).map(({ text }) => text),
      ['Hall 7', 'eu-1', 'G-12/pump-1'],
    );
  });

  test('cannot be made without a serial number that the profile insists on', () => {
    const profile = profileOf({ subject: { commonName: '{device}', serialNumber: '{serial}' } });
    assert.throws(
      () => subjectOf(profile, bearer),
      mismatch(/profile written cannot name device pump-1.*serial/),
    );
  });
});

describe('subject alternative names', () => {
  test('those asked for come first, and those that are always given follow, each once', () => {
    const profile = profileOf({ subjectAltNames: { always: ['DNS'] } });
    assert.deepEqual(namesOf(['IP:192.0.2.1', 'DNS:other.example'], profile, bearer), [
      'IP:192.0.2.1',
      'DNS:other.example',
      'DNS:pump-1.plant.example',
    ]);
    assert.deepEqual(namesOf([], profileOf({}), bearer), []);
  });

  test('what is always given is what fits the patterns', () => {
    const profile = profileOf({
      subjectAltNames: { always: ['DNS'], patterns: ['DNS:{device}.plant.example'] },
    });
    assert.deepEqual(namesOf([], profile, bearer), ['DNS:pump-1.plant.example']);
    assert.deepEqual(permittedNames(profile, bearer), [
      'DNS:pump-1.plant.example',
      'IP:192.0.2.1',
      'URI:urn:dev:1',
    ]);
  });

  const refused: [
    what: string,
    config: ProfileConfig['subjectAltNames'],
    asked: string[],
    says: RegExp,
  ][] = [
    [
      'a name that is not registered',
      {},
      ['DNS:x.example'],
      /does not hold the names DNS:x\.example/,
    ],
    [
      'a form that the profile does not give',
      { requested: ['DNS'] },
      ['IP:192.0.2.1'],
      /gives no names such as IP:192\.0\.2\.1; it gives DNS/,
    ],
    [
      'a name beside the patterns',
      { patterns: ['DNS:*.plant.example'] },
      ['DNS:other.example'],
      /do not fit the patterns/,
    ],
    [
      'more names than may stand',
      { most: 1 },
      ['IP:192.0.2.1', 'URI:urn:dev:1'],
      /gives 1 at most/,
    ],
    ['none of a form that is required', { required: ['IP'] }, [], /needs a name of the form IP/],
  ];
  for (const [what, subjectAltNames = {}, asked, says] of refused)
    test(`${what} is refused`, () => {
      const profile = profileOf({ subjectAltNames });
      assert.throws(() => namesOf(asked, profile, bearer), mismatch(says));
      // A renewal has its names already, and is held to the same.
      assert.throws(() => requireNames(asked, profile, bearer), mismatch(says));
    });
});
