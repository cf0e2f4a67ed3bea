import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { builtInProfiles, checkProfileName } from './built-in-profiles.ts';
import { formatDuration, type ProfileConfig, parseDuration } from './certificate-profile.ts';
import { checkProfile, completeConfig, configOf, ProfileError } from './check-profile.ts';

const builtIn = builtInProfiles({ validity: '30d' });

/** The paths of what is wrong, and the sentences. */
function problemsOf(config: ProfileConfig, name = 'written') {
  try {
    checkProfile(name, config, builtIn);
  } catch (error) {
    if (error instanceof ProfileError) return error.problems;
    throw error;
  }
  return [];
}

describe('built-in profiles', () => {
  for (const [name, profile] of builtIn)
    test(`${name} is what it would be written as`, () => {
      assert.deepEqual(checkProfile(name, configOf(profile), builtIn), profile);
      assert.deepEqual(checkProfile(name, {}, builtIn), profile);
    });

  test('those of devices take the validity of the configuration', () => {
    for (const name of ['device', 'device-server', 'gateway', 'registration-authority'])
      assert.equal(builtIn.get(name)?.validitySeconds, parseDuration('30d'));
  });

  test('their purposes', () => {
    const purposes = Object.fromEntries(
      [...builtIn].map(([name, { extendedKeyUsage }]) => [name, extendedKeyUsage.join(' ')]),
    );
    assert.deepEqual(purposes, {
      device: 'clientAuth',
      'device-server': 'clientAuth serverAuth',
      gateway: 'clientAuth serverAuth',
      'registration-authority': 'clientAuth cmcRA',
      'tls-server': 'serverAuth',
      'cmc-responder': 'cmcCA',
      'ocsp-responder': 'OCSPSigning',
    });
  });
});

describe('what is left out', () => {
  test('is as in the built-in profile of the name, else as in that of devices', () => {
    const names = (name: string) => completeConfig(name, {}, builtIn).subjectAltNames.required;
    assert.deepEqual(names('gateway'), ['DNS']);
    assert.deepEqual(names('another'), []);
  });

  test('a form of name that is written in one list leaves the other', () => {
    const { always, requested } = completeConfig(
      'another',
      { subjectAltNames: { always: ['DNS'] } },
      builtIn,
    ).subjectAltNames;
    assert.deepEqual([always, requested], [['DNS'], ['IP', 'URI', 'email']]);
    const gateway = completeConfig('gateway', { subjectAltNames: { requested: ['IP'] } }, builtIn);
    assert.deepEqual(gateway.subjectAltNames.always, ['DNS']);
  });

  test('noRevAvail takes the pointers to the status away', () => {
    const config = { noRevAvail: true, validity: '1d' };
    assert.deepEqual(checkProfile('short', config, builtIn).statusPointers, ['issuer']);
  });
});

describe('what contradicts itself is refused, with its path', () => {
  const refused: [
    what: string,
    config: ProfileConfig,
    path: string,
    says: RegExp,
    name?: string,
  ][] = [
    ['a validity that is none', { validity: 'forever' }, 'validity', /not a duration/],
    ['a backdate that is none', { backdate: '0s' }, 'backdate', /not a duration/],
    ['two days back', { backdate: '2d' }, 'backdate', /one day/],
    [
      'noRevAvail and a CRL',
      { noRevAvail: true, validity: '1d', statusPointers: ['crl'] },
      'noRevAvail',
      /RFC 9608/,
    ],
    [
      'noRevAvail and OCSP',
      { noRevAvail: true, validity: '1d', statusPointers: ['issuer', 'ocsp'] },
      'noRevAvail',
      /RFC 9608/,
    ],
    ['noRevAvail for long', { noRevAvail: true, validity: '8d' }, 'noRevAvail', /7d at most/],
    ['a kind of key twice', { keyTypes: ['P-256', 'P-256'] }, 'keyTypes', /twice/],
    ['no usage', { keyUsage: [] }, 'keyUsage', /for something/],
    ['a usage twice', { keyUsage: ['digitalSignature', 'digitalSignature'] }, 'keyUsage', /twice/],
    ['a CA', { keyUsage: ['digitalSignature', 'keyCertSign'] }, 'keyUsage', /only CAs/],
    ['a signer of CRLs', { keyUsage: ['digitalSignature', 'cRLSign'] }, 'keyUsage', /only CAs/],
    [
      'key transport by elliptic curves',
      { keyUsage: ['digitalSignature', 'keyEncipherment'], keyTypes: ['P-256'] },
      'keyUsage',
      /keyEncipherment fits none/,
    ],
    [
      'encryption of data by elliptic curves',
      { keyUsage: ['digitalSignature', 'dataEncipherment'], keyTypes: ['P-256'] },
      'keyUsage',
      /dataEncipherment fits none/,
    ],
    [
      'key agreement with keys that only sign',
      { keyUsage: ['digitalSignature', 'keyAgreement'], keyTypes: ['Ed25519', 'RSA-2048'] },
      'keyUsage',
      /keyAgreement fits none/,
    ],
    [
      'key agreement alone, whatever the key',
      { keyUsage: ['keyAgreement'] },
      'keyUsage',
      /RSA-2048.*nothing is left/,
    ],
    [
      'a client that only repudiates nothing',
      { keyUsage: ['nonRepudiation'] },
      'extendedKeyUsage',
      /need digitalSignature/,
    ],
    ['no purpose', { extendedKeyUsage: [] }, 'extendedKeyUsage', /every one/],
    [
      'a purpose twice, once by its number',
      { extendedKeyUsage: ['clientAuth', '1.3.6.1.5.5.7.3.2'] },
      'extendedKeyUsage',
      /twice/,
    ],
    ['every purpose', { extendedKeyUsage: ['2.5.29.37.0'] }, 'extendedKeyUsage', /those of the CA/],
    [
      'OCSP',
      { extendedKeyUsage: ['1.3.6.1.5.5.7.3.9'] },
      'extendedKeyUsage',
      /OCSPSigning is for keys of the CA/,
    ],
    [
      'a CMC server',
      { extendedKeyUsage: ['cmcCA'] },
      'extendedKeyUsage',
      /cmcCA is for keys of the CA/,
    ],
    [
      'a device that enrolls others',
      { extendedKeyUsage: ['clientAuth', 'cmcRA'] },
      'extendedKeyUsage',
      /registration-authority/,
    ],
    [
      'a registration authority that is none',
      { extendedKeyUsage: ['clientAuth'] },
      'extendedKeyUsage',
      /RFC 6402/,
      'registration-authority',
    ],
    [
      'a purpose of no name',
      { extendedKeyUsage: ['webAuth' as '1.2'] },
      'extendedKeyUsage',
      /neither/,
    ],
    ['an arc that is too large', { extendedKeyUsage: ['1.99.1'] }, 'extendedKeyUsage', /neither/],
    ['a pointer twice', { statusPointers: ['crl', 'crl'] }, 'statusPointers', /twice/],
    [
      'a policy twice',
      { certificatePolicies: ['1.2.3', { oid: '1.2.3' }] },
      'certificatePolicies',
      /twice/,
    ],
    [
      'a policy of no number',
      { certificatePolicies: ['policy'] },
      'certificatePolicies.0',
      /dotted/,
    ],
    [
      'a practice statement that cannot be fetched',
      { certificatePolicies: [{ oid: '1.2.3', cps: 'ftp://x' }] },
      'certificatePolicies.0.cps',
      /http/,
    ],
    [
      'a placeholder of nothing',
      { subject: { commonName: '{host}' } },
      'subject.commonName',
      /stands for nothing/,
    ],
    ['half a placeholder', { subject: { commonName: '{device' } }, 'subject.commonName', /brace/],
    [
      'three letters of a country',
      { subject: { commonName: '{device}', countryName: 'DEU' } },
      'subject.countryName',
      /2 characters/,
    ],
    [
      'a country in small letters',
      { subject: { commonName: '{device}', countryName: 'de' } },
      'subject.countryName',
      /cannot have/,
    ],
    [
      'an organisation that is too long',
      { subject: { organizationName: 'x'.repeat(65) } },
      'subject.organizationName',
      /1 to 64/,
    ],
    [
      'an empty organisation',
      { subject: { organizationName: '' } },
      'subject.organizationName',
      /1 to 64/,
    ],
    [
      'an asterisk in a PrintableString',
      { subject: { commonName: '{device}', serialNumber: '*' } },
      'subject.serialNumber',
      /cannot have/,
    ],
    [
      'a line break',
      { subject: { organizationName: 'a\nb' } },
      'subject.organizationName',
      /cannot have/,
    ],
    ['nobody', { subject: {} }, 'subject', /RFC 5280/],
    ['perhaps nobody', { subject: { serialNumber: '{serial?}' } }, 'subject', /RFC 5280/],
    [
      'perhaps nobody, by the context',
      { subject: { localityName: '{context.hall?}' } },
      'subject',
      /RFC 5280/,
    ],
    [
      'a family without a name',
      { subject: { commonName: '{context}' } },
      'subject.commonName',
      /stands for nothing; .*\{context\.NAME\}/,
    ],
    [
      'a name that no entry of the context can have',
      { subject: { commonName: '{context.-hall}' } },
      'subject.commonName',
      /brace/,
    ],
    [
      'a family of nothing',
      { subject: { commonName: '{device.hall}' } },
      'subject.commonName',
      /stands for nothing/,
    ],
    [
      'a form in both lists',
      { subjectAltNames: { always: ['DNS'], requested: ['DNS'] } },
      'subjectAltNames.requested',
      /stands in always/,
    ],
    [
      'a form that is required and not given',
      { subjectAltNames: { requested: ['IP'], required: ['DNS'] } },
      'subjectAltNames.required',
      /neither in always/,
    ],
    [
      'a pattern of no form',
      { subjectAltNames: { patterns: ['*.example'] } },
      'subjectAltNames.patterns.0',
      /must begin/,
    ],
    [
      'a pattern of a form that is not given',
      { subjectAltNames: { requested: ['IP'], patterns: ['DNS:*.example'] } },
      'subjectAltNames.patterns.0',
      /neither in always/,
    ],
    [
      'a pattern with a placeholder of nothing',
      { subjectAltNames: { patterns: ['DNS:{host}.example'] } },
      'subjectAltNames.patterns.0',
      /stands for nothing/,
    ],
    [
      'a pattern that would leave something out',
      { subjectAltNames: { patterns: ['DNS:{site?}.example'] } },
      'subjectAltNames.patterns.0',
      /stands for nothing/,
    ],
    [
      'a pattern with a family of nothing',
      { subjectAltNames: { patterns: ['DNS:{site.hall}.example'] } },
      'subjectAltNames.patterns.0',
      /stands for nothing/,
    ],
    [
      'no names, and yet forms',
      { subjectAltNames: { most: 0 } },
      'subjectAltNames.most',
      /none may stand/,
    ],
    [
      'more forms required than names',
      { subjectAltNames: { required: ['DNS', 'IP'], most: 1 } },
      'subjectAltNames.most',
      /more forms/,
    ],
    [
      'a server without a name',
      { extendedKeyUsage: ['serverAuth'], subjectAltNames: { requested: ['URI'] } },
      'subjectAltNames.always',
      /RFC 9525/,
    ],
    [
      'another purpose of the CA’s own key',
      { extendedKeyUsage: ['clientAuth'] },
      'extendedKeyUsage',
      /only subject, validity and backdate/,
      'ocsp-responder',
    ],
    [
      'a status of an OCSP responder',
      { statusPointers: ['crl'] },
      'statusPointers',
      /only subject/,
      'ocsp-responder',
    ],
    [
      'names of a CMC responder',
      { subjectAltNames: { most: 3 } },
      'subjectAltNames',
      /only subject/,
      'cmc-responder',
    ],
    [
      'noRevAvail of the TLS server',
      { noRevAvail: true, validity: '1d' },
      'noRevAvail',
      /only subject/,
      'tls-server',
    ],
    [
      'a device in the name of a TLS server',
      { subject: { commonName: '{device}' } },
      'subject.commonName',
      /\{host\}/,
      'tls-server',
    ],
  ];
  for (const [what, config, path, says, name] of refused)
    test(what, () => {
      const found = problemsOf(config, name);
      assert.ok(
        found.some((problem) => problem.path === path && says.test(problem.says)),
        JSON.stringify(found),
      );
    });

  test('all of it at once', () => {
    const paths = problemsOf({ validity: 'x', keyUsage: [], subject: { countryName: 'x' } });
    assert.deepEqual(
      paths.map(({ path }) => path),
      ['validity', 'subject.countryName', 'keyUsage'],
    );
  });
});

describe('what can be written', () => {
  const accepted: [what: string, config: ProfileConfig, name?: string][] = [
    ['short-lived certificates', { noRevAvail: true, validity: '7d', statusPointers: ['issuer'] }],
    ['a usage that only some keys can have', { keyUsage: ['digitalSignature', 'keyEncipherment'] }],
    ['key agreement with keys that can', { keyUsage: ['keyAgreement'], keyTypes: ['P-256'] }],
    ['a purpose by its number', { extendedKeyUsage: ['clientAuth', '1.3.6.1.5.5.7.3.17'] }],
    ['nobody but by a name', { subject: {}, subjectAltNames: { required: ['URI'] } }],
    ['several units', { subject: { organizationalUnitName: ['{tenant}', '{group}'] } }],
    ['another end of the CA’s own', { validity: '30d', backdate: '1h' }, 'ocsp-responder'],
    ['another name of the CA’s own', { subject: { commonName: 'OCSP of {ca}' } }, 'ocsp-responder'],
    ['endpoints in SIA alone', { endpoints: 'sia' }],
  ];
  for (const [what, config, name] of accepted)
    test(what, () => assert.deepEqual(problemsOf(config, name), []));
});

describe('names of profiles', () => {
  for (const name of ['ab', 'device', 'plant-4', 'x'.repeat(40)])
    test(name, () => assert.equal(checkProfileName(name), name));
  for (const name of [
    '',
    'a',
    'Device',
    '4x',
    'a-',
    'a.b',
    '../a',
    'root-ca',
    'issuing-ca',
    'x'.repeat(41),
  ])
    test(`"${name}" is none`, () => assert.throws(() => checkProfileName(name), TypeError));
});

test('durations are written in their largest unit', () => {
  for (const text of ['90d', '36h', '5m', '61s', '1d'])
    assert.equal(formatDuration(parseDuration(text)), text);
});
