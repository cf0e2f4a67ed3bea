/** A client that knows nothing but the announcement is accepted; whoever leaves out a part of it is told which. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { readCertificate } from '../ca/certificate.ts';
import { CertificateAuthority } from '../ca/certificate-authority.ts';
import { registrationAuthorityProfile } from '../ca/certificate-profile.ts';
import { parseCertificateRequest, parseKeylessRequest } from '../ca/certificate-request.ts';
import { encodeCsrAttributes } from '../ca/csr-attributes.ts';
import { type DerElement, encode, readDer, tags } from '../ca/der.ts';
import type { DeviceKeyType } from '../ca/device-key-types.ts';
import { encodeSubject } from '../ca/distinguished-name.ts';
import { encodeGeneralNames } from '../ca/general-names.ts';
import { dotted } from '../ca/object-identifiers.ts';
import { comply, type Demand, readList, readTemplate } from '../test/support/announced-request.ts';
import { authorizedOrder } from '../test/support/authorized-order.ts';
import {
  attribute,
  extension,
  extensionRequest,
  forgeRequest,
  nullValue,
  oidOf,
  sequence,
  text,
} from '../test/support/forged-request.ts';
import { memoryLedger } from '../test/support/memory-ledger.ts';
import {
  makePlan,
  makeSoftwareCa,
  devicesFor90Days as profile,
} from '../test/support/software-ca.ts';
import { noRules } from './allocation/allocate.ts';
import type { Caller } from './authenticator.ts';
import type { Device } from './device.ts';
import type { Group } from './group.ts';
import {
  checkSettings,
  defaultSettings,
  type GroupSettings,
  requestParts,
  signatureHashes,
} from './group-settings.ts';
import { decideEnrollment, decideReenrollment } from './policy.ts';
import {
  announcementOf,
  requireContent,
  requireParts,
  sharedSettings,
} from './request-requirements.ts';

function groupWith(settings: Partial<GroupSettings>, label = 'factory'): Group {
  return { label, tenant: 'acme', settings: checkSettings({ ...defaultSettings, ...settings }) };
}

function answerFor({ settings }: Group): DerElement {
  const announcement = announcementOf(settings, profile);
  return readDer(announcement ? encodeCsrAttributes(announcement) : Uint8Array.of(0x30, 0));
}

const keyChoices: DeviceKeyType[][] = [
  [],
  ['P-384', 'P-256'],
  ['RSA-2048'],
  ['Ed25519', 'P-256'],
  ['ML-DSA-44'],
];

describe('a request made from nothing but the announcement is accepted', () => {
  const settings = fc
    .record({
      requestParts: fc.subarray([...requestParts]),
      keyTypes: fc.constantFrom(...keyChoices),
      signatureHashes: fc.shuffledSubarray([...signatureHashes]),
      linking: fc.constantFrom('optional' as const, 'required' as const),
    })
    .filter(
      ({ keyTypes, signatureHashes: hashes }) => keyTypes[0] !== 'ML-DSA-44' || hashes.length === 0,
    );
  for (const [what, read] of [
    ['list', readList],
    ['template', readTemplate],
  ] as const)
    test(`by who reads the ${what}`, () =>
      fc.assert(
        fc.asyncProperty(settings, async (each) => {
          const group = groupWith(each);
          const request = await parseCertificateRequest(comply(read(answerFor(group))));
          requireParts(request, group, profile);
          requireContent(request, group, profile);
        }),
        { numRuns: 150 },
      ));

  test('with linking information where that is required, which the connection decides on', () => {
    const linkingIn = (settings: Partial<GroupSettings>) =>
      readList(answerFor(groupWith(settings))).attributes;
    const carriers = ['challengePassword', 'estIdentityLinking'];
    assert.deepEqual(linkingIn({ linking: 'required' }), carriers);
    assert.deepEqual(linkingIn({ linking: 'required', requestParts: ['otpChallenge'] }), [
      ...carriers,
      'otpChallenge',
    ]);
    for (const linking of ['optional', 'off'] as const)
      assert.deepEqual(linkingIn({ linking }), []);
    const password = { linking: 'off', challengePassword: 'one-time-password' } as const;
    assert.deepEqual(linkingIn(password), []);
  });

  test('and both readings are the same', () =>
    fc.assert(
      fc.property(settings, (each) => {
        const answer = answerFor(groupWith(each));
        const [list, template] = [readList(answer), readTemplate(answer)];
        const sorted = ({ subject, attributes, extensions, key }: Demand) => ({
          key,
          subject,
          attributes: [...attributes].sort(),
          extensions: [...extensions].sort(),
        });
        if (answer.children.some(({ tag }) => tag === tags.sequence))
          assert.deepEqual(sorted(template), sorted(list));
      }),
    ));
});

const everything = groupWith({
  requestParts,
  keyTypes: ['P-384', 'RSA-2048'],
  signatureHashes: ['sha384', 'sha512'],
});

/** Why a request is refused. */
async function refusalOf(
  der: Uint8Array,
  group = everything,
): Promise<{ code: string; message: string }> {
  const request = await parseCertificateRequest(der);
  try {
    requireParts(request, group, profile);
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error);
    return { code: String(error.code), message: error.message };
  }
  assert.fail('the request is accepted');
}

const without = (values: readonly string[], left: string) =>
  values.filter((value) => value !== left);

describe('a request without one part is refused for that part, in the words of the announcement', () => {
  const demand = readList(answerFor(everything));
  const parts: Record<(typeof requestParts)[number], [demand: Demand, words: string]> = {
    commonName: [
      { ...demand, subject: without(demand.subject, 'commonName') },
      'a commonName (2.5.4.3) in its subject (it has none)',
    ],
    serialNumber: [
      { ...demand, subject: without(demand.subject, 'serialNumber') },
      'a serialNumber (2.5.4.5) in its subject (it has none)',
    ],
    subjectAltName: [
      { ...demand, extensions: leftOut(demand, 'subjectAltName') },
      'the extension subjectAltName (2.5.29.17) with at least one name (it has none)',
    ],
    keyUsage: [
      { ...demand, extensions: leftOut(demand, 'keyUsage') },
      'the extension keyUsage (2.5.29.15) with exactly digitalSignature (it has none)',
    ],
    extKeyUsage: [
      { ...demand, extensions: leftOut(demand, 'extKeyUsage') },
      'the extension extKeyUsage (2.5.29.37) with exactly clientAuth (it has none)',
    ],
    otpChallenge: [
      { ...demand, attributes: without(demand.attributes, 'otpChallenge') },
      'the attribute otpChallenge (1.2.840.113549.1.9.16.2.56) (RFC 7894) (it has none)',
    ],
    revocationChallenge: [
      { ...demand, attributes: without(demand.attributes, 'revocationChallenge') },
      'the attribute revocationChallenge (1.2.840.113549.1.9.16.2.57) (RFC 7894) (it has none)',
    ],
  };
  for (const [part, [lacking, words]] of Object.entries(parts))
    test(part, async () => {
      const { code, message } = await refusalOf(comply(lacking));
      assert.equal(code, 'request-incomplete');
      assert.equal(
        message,
        `The request does not have what /factory/csrattrs announces. It must have ${words}.`,
      );
    });

  test('and with none for all of them at once', async () => {
    const { code, message } = await refusalOf(forgeRequest({ subject: sequence() }));
    assert.equal(code, 'unsupported-key');
    for (const [, words] of Object.values(parts)) assert.ok(message.includes(words), words);
    assert.ok(
      message.includes(
        'a key of type P-384 (secp384r1) or RSA-2048 (rsaEncryption) (it has P-256)',
      ),
      message,
    );
    assert.ok(
      message.includes(
        'a signature with sha384 or sha512, such as ecdsa-with-SHA384 (it has sha256)',
      ),
      message,
    );
  });

  test('and where nothing is required, with none it is accepted', async () => {
    const request = await parseCertificateRequest(forgeRequest({ subject: sequence() }));
    requireParts(request, groupWith({}), profile);
  });
});

function leftOut({ extensions }: Demand, type: string): Map<string, Uint8Array | undefined> {
  return new Map([...extensions].filter(([each]) => each !== type));
}

describe('an extension that is announced with a value', () => {
  const usages = encode(tags.bitString, Uint8Array.of(5, 0xa0));
  const purposes = (...arcs: string[]) => sequence(...arcs.map(oidOf));
  const others: Record<string, [part: 'keyUsage' | 'extKeyUsage', extension: Uint8Array]> = {
    'keyUsage with a bit more': ['keyUsage', extension('2.5.29.15', usages)],
    'keyUsage that is no BIT STRING': ['keyUsage', extension('2.5.29.15', nullValue)],
    'an empty keyUsage': ['keyUsage', extension('2.5.29.15', new Uint8Array())],
    'extKeyUsage with another purpose': [
      'extKeyUsage',
      extension('2.5.29.37', purposes('1.3.6.1.5.5.7.3.1')),
    ],
    'extKeyUsage with one more': [
      'extKeyUsage',
      extension('2.5.29.37', purposes('1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.28')),
    ],
  };
  for (const [what, [part, other]] of Object.entries(others)) {
    const der = forgeRequest({ attributes: [extensionRequest(other)] });
    test(`${what} is refused`, async () => {
      const { message } = await refusalOf(der, groupWith({ requestParts: [part] }));
      assert.match(message, new RegExp(`the extension ${part} .* \\(it has another value\\)\\.$`));
    });
    test(`${what} is ignored where nobody requires it`, async () => {
      requireParts(await parseCertificateRequest(der), groupWith({}), profile);
    });
  }

  test('has the value of the profile by which the certificate is made', async () => {
    const group = groupWith({ requestParts: ['extKeyUsage'] });
    const authorities = registrationAuthorityProfile({ validity: '1d', endpoints: 'none' });
    const asked = extension('2.5.29.37', purposes('1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.28'));
    const request = await parseCertificateRequest(
      forgeRequest({ attributes: [extensionRequest(asked)] }),
    );
    requireParts(request, group, authorities);
    assert.throws(() => requireParts(request, group, profile), { code: 'request-incomplete' });
  });

  test('is not asked for where the profile has none', async () => {
    const group = groupWith({ requestParts: ['extKeyUsage'] });
    const encryption = { ...profile, extendedKeyUsage: [] };
    requireParts(await parseCertificateRequest(forgeRequest()), group, encryption);
  });
});

describe('what a request without key is held to', () => {
  test('everything but key and signature', () => {
    const demand = readList(answerFor(everything));
    const own = { ...demand, key: 'ed25519', signatures: [] };
    requireContent(parseKeylessRequest(comply(own)), everything, profile);
    const lacking = { ...own, subject: [], attributes: [] };
    assert.throws(() => requireContent(parseKeylessRequest(comply(lacking)), everything, profile), {
      code: 'request-incomplete',
      message: /commonName.*serialNumber.*otpChallenge.*revocationChallenge/,
    });
  });
});

describe('changeSubjectName', () => {
  const group = groupWith({ requestParts: ['commonName', 'subjectAltName'] });
  const name = encodeSubject({ commonName: 'device-1' });
  const names = encodeGeneralNames(['DNS:a.example']);
  const subjectAltName = extension('2.5.29.17', names);
  const changedTo = (...parts: Uint8Array[]) =>
    forgeRequest({
      attributes: [
        extensionRequest(subjectAltName),
        attribute('1.3.6.1.5.5.7.7.36', sequence(...parts)),
      ],
    });

  test('brings the names that are required', async () => {
    requireParts(await parseCertificateRequest(changedTo(name, names)), group, profile);
  });
  test('does not drop one that is required', async () => {
    assert.match(
      (await refusalOf(changedTo(name), group)).message,
      /must have the extension subjectAltName \S+ with at least one name \(it has none\)\.$/,
    );
    assert.match(
      (await refusalOf(changedTo(names), group)).message,
      /must have a commonName \S+ in its subject \(it has none\)\.$/,
    );
  });
});

describe('what all groups insist on', () => {
  const strict = groupWith({
    linking: 'required',
    keyTypes: ['P-521', 'P-384', 'P-256'],
    signatureHashes: ['sha384', 'sha256'],
    requestParts: ['keyUsage', 'commonName'],
  });
  const other = groupWith({
    linking: 'required',
    keyTypes: ['P-256', 'P-384'],
    signatureHashes: ['sha256', 'sha384'],
    requestParts: ['serialNumber', 'commonName'],
  });

  test('is what they have in common, in the order of the first', () => {
    assert.deepEqual(sharedSettings([strict, other]), {
      linking: 'required',
      keyTypes: ['P-384', 'P-256'],
      signatureHashes: ['sha384', 'sha256'],
      requestParts: ['commonName'],
    });
  });
  test('is nothing where one asks for nothing, where they contradict each other, and where there is none', () => {
    const nothing = { linking: 'optional', keyTypes: [], signatureHashes: [], requestParts: [] };
    assert.deepEqual(sharedSettings([strict, groupWith({})]), nothing);
    assert.deepEqual(sharedSettings([]), nothing);
    assert.deepEqual(
      sharedSettings([groupWith({ keyTypes: ['P-256'] }), groupWith({ keyTypes: ['P-384'] })]),
      nothing,
    );
    assert.equal(announcementOf(sharedSettings([]), profile), undefined);
  });
});

describe('every certificate is decided on by it', () => {
  const device: Device = {
    id: 'device-1',
    tenant: 'acme',
    group: 'factory',
    names: [],
    status: 'active',
    role: 'device',
  };
  const caller: Caller = {
    device,
    tenant: { id: 'acme', endpoints: [], suspended: false },
    group: groupWith({ requestParts: ['revocationChallenge'] }),
    credential: { kind: 'one-time-password', id: 'otp-1' },
  };
  const orderOf = async (attributes: Uint8Array[], by: Caller) => ({
    request: await parseCertificateRequest(forgeRequest({ attributes })),
    caller: by,
    profile,
    linking: 'absent' as const,
    allocation: noRules,
    source: '192.0.2.1',
    requestId: 'request-1',
  });
  const challenge = attribute(dotted.revocationChallenge, text(tags.utf8String, 'a secret'));
  const incomplete = { code: 'request-incomplete', message: /revocationChallenge/ };

  test('the first, also one that a registration authority asks for', async () => {
    const authority: Device = { ...device, id: 'ra-1', role: 'registration-authority' };
    for (const by of [caller, { ...caller, relayedBy: authority }]) {
      const decide = async (attributes: Uint8Array[]) =>
        decideEnrollment(authorizedOrder('enroll', await orderOf(attributes, by)));
      await assert.rejects(decide([]), incomplete);
      assert.equal((await decide([challenge])).subscriber, 'device-1');
    }
  });

  test('and a renewal', async () => {
    const { issuing: issuer, signer } = await makeSoftwareCa();
    const authority = new CertificateAuthority({
      issuer,
      signer,
      ledger: memoryLedger(),
      serialPrefix: 1,
    });
    const { certificate: held } = await authority.issue(makePlan());
    const by = { ...caller, certificate: readCertificate(held) };
    const decide = async (attributes: Uint8Array[]) =>
      decideReenrollment(authorizedOrder('reenroll', await orderOf(attributes, by)));
    await assert.rejects(decide([]), incomplete);
    assert.equal((await decide([challenge])).subscriber, 'device-1');
  });
});
