import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type Certificate, readCertificate } from '../ca/certificate.ts';
import { CertificateAuthority } from '../ca/certificate-authority.ts';
import { type CertificateRequest, parseCertificateRequest } from '../ca/certificate-request.ts';
import { encode, sameBytes, tags } from '../ca/der.ts';
import { encodeSubject } from '../ca/distinguished-name.ts';
import { encodeGeneralNames } from '../ca/general-names.ts';
import { authorizedOrder } from '../test/support/authorized-order.ts';
import {
  extension,
  extensionRequest,
  forgeRequest,
  keyPairs,
  oidOf,
  sequence,
  setOf,
  spkiOf,
  text,
} from '../test/support/forged-request.ts';
import { memoryLedger } from '../test/support/memory-ledger.ts';
import {
  devicesFor90Days,
  makePlan,
  makeSoftwareCa,
  type SoftwareCa,
} from '../test/support/software-ca.ts';
import { noRules, readyPolicy } from './allocation/allocate.ts';
import type { Caller } from './authenticator.ts';
import type { Device } from './device.ts';
import { defaultSettings } from './group-settings.ts';
import { decideEnrollment, decideReenrollment } from './policy.ts';

const { utf8String, printableString, ia5String } = tags;
const names = ['DNS:a.example', 'DNS:b.example', 'IP:192.0.2.1', 'URI:urn:x:1,URI:urn:x:2'];
const registered: Device = {
  id: 'device-1',
  tenant: 'acme',
  group: 'acme',
  serialNumber: '42',
  names,
  status: 'active',
  role: 'device',
};
const unnumbered: Device = {
  id: 'device-1',
  tenant: 'acme',
  group: 'acme',
  names,
  status: 'active',
  role: 'device',
};
const tenant = {
  id: 'acme',
  endpoints: ['mqtts://a.example', 'mqtts://b.example'],
  suspended: false,
};

const cn = (value: string, tag: number = utf8String) => attributeOf('2.5.4.3', value, tag);
const serial = (value: string, tag: number = printableString) => attributeOf('2.5.4.5', value, tag);
const attributeOf = (type: string, value: string, tag: number) =>
  sequence(oidOf(type), text(tag, value));
/** A Name of one attribute for each RDN. */
const nameOf = (...attributes: Uint8Array[]) => sequence(...attributes.map((each) => setOf(each)));

function requestFor(subject: Uint8Array, subjectAltNames: string[] = []) {
  const san = extension('2.5.29.17', encodeGeneralNames(subjectAltNames));
  const attributes = subjectAltNames.length > 0 ? [extensionRequest(san)] : [];
  return parseCertificateRequest(forgeRequest({ subject, attributes }));
}

function callerOf(device: Device, certificate?: Certificate): Caller {
  const credential = { kind: 'one-time-password', id: 'otp-1' } as const;
  const group = { label: device.group, tenant: device.tenant, settings: defaultSettings };
  return { device, tenant, group, credential, ...(certificate ? { certificate } : {}) };
}

const asked = (request: CertificateRequest, caller: Caller) => ({
  request,
  caller,
  profile: devicesFor90Days,
  linking: 'absent' as const,
  allocation: noRules,
  source: '192.0.2.1',
  requestId: 'request-1',
});
const order = (request: CertificateRequest, caller: Caller) =>
  authorizedOrder('enroll', asked(request, caller));
const renewal = (request: CertificateRequest, caller: Caller) =>
  authorizedOrder('reenroll', asked(request, caller));

const mismatch = { name: 'Refusal', code: 'identity-mismatch' };

describe('a first certificate: whose name may be in the request', () => {
  const accepted: [what: string, device: Device, subject: Uint8Array][] = [
    ['the device’s own', registered, nameOf(cn('device-1'))],
    ['in a PrintableString', registered, nameOf(cn('device-1', printableString))],
    ['with its serial number', registered, nameOf(cn('device-1'), serial('42'))],
    ['in the other order', registered, nameOf(serial('42'), cn('device-1'))],
    ['the serial number alone', registered, nameOf(serial('42'))],
    ['both in one RDN', registered, sequence(setOf(cn('device-1'), serial('42')))],
    ['nobody’s', registered, sequence()],
    ['of a device without serial number', unnumbered, nameOf(cn('device-1'))],
  ];
  for (const [what, device, subject] of accepted)
    test(what, async () => {
      const plan = decideEnrollment(order(await requestFor(subject), callerOf(device)));
      // The registry's words, in our own encoding, whatever the request looked like.
      const { serialNumber } = device;
      assert.ok(sameBytes(plan.subject, encodeSubject({ commonName: 'device-1', serialNumber })));
    });

  const refused: [what: string, device: Device, subject: Uint8Array][] = [
    ['another device’s', registered, nameOf(cn('device-2'))],
    ['its own in capitals', registered, nameOf(cn('Device-1'))],
    ['its own and a blank', registered, nameOf(cn('device-1 '))],
    ['its own and NUL', registered, nameOf(cn('device-1\0'))],
    ['its own after a byte order mark', registered, nameOf(cn('\ufeffdevice-1'))],
    ['an empty one', registered, nameOf(cn(''))],
    ['its own twice', registered, nameOf(cn('device-1'), cn('device-1'))],
    [
      'its own twice, in two string types',
      registered,
      nameOf(cn('device-1'), cn('device-1', 0x13)),
    ],
    ['its own and another’s', registered, nameOf(cn('device-1'), cn('device-2'))],
    ['two in one RDN', registered, sequence(setOf(cn('device-1'), cn('device-2')))],
    ['another serial number', registered, nameOf(cn('device-1'), serial('43'))],
    ['a serial number that is not registered', unnumbered, nameOf(cn('device-1'), serial('42'))],
    ['an empty serial number', unnumbered, nameOf(cn('device-1'), serial(''))],
    ['the serial number twice', registered, nameOf(cn('device-1'), serial('42'), serial('42'))],
    ['the name as serial number', registered, nameOf(serial('device-1'))],
    [
      'an organisation',
      registered,
      nameOf(cn('device-1'), attributeOf('2.5.4.10', 'acme', utf8String)),
    ],
    [
      'an organisation of the same words',
      registered,
      nameOf(attributeOf('2.5.4.10', 'device-1', utf8String)),
    ],
    [
      'an e-mail address',
      registered,
      nameOf(cn('device-1'), attributeOf('1.2.840.113549.1.9.1', 'a@b.c', ia5String)),
    ],
  ];
  for (const [what, device, subject] of refused)
    test(`${what} is refused`, async () => {
      const request = await requestFor(subject);
      assert.throws(() => decideEnrollment(order(request, callerOf(device))), mismatch);
    });
});

describe('a first certificate: subject alternative names', () => {
  const accepted: string[][] = [[], ['DNS:a.example'], ['IP:192.0.2.1', 'DNS:b.example']];
  for (const wanted of accepted)
    test(`${wanted.join(' and ') || 'none'}`, async () => {
      const request = await requestFor(nameOf(cn('device-1')), wanted);
      const { subjectAltNames } = decideEnrollment(order(request, callerOf(registered)));
      assert.deepEqual(subjectAltNames, wanted);
    });

  const refused: string[][] = [
    ['DNS:c.example'],
    ['DNS:a.example', 'DNS:c.example'],
    ['DNS:*.example'],
    ['URI:urn:x:1'],
    ['email:a.example@a.example'],
    ['IP:192.0.2.2'],
  ];
  for (const wanted of refused)
    test(`${wanted.join(' and ')} is refused`, async () => {
      const request = await requestFor(nameOf(cn('device-1')), wanted);
      assert.throws(() => decideEnrollment(order(request, callerOf(registered))), {
        ...mismatch,
        message: /does not hold the names/,
      });
    });

  test('a device without names gets none', async () => {
    const request = await requestFor(nameOf(cn('device-1')), ['DNS:a.example']);
    const bare = { ...registered, names: [] };
    assert.throws(() => decideEnrollment(order(request, callerOf(bare))), mismatch);
  });
});

test('the plan: key from the request, all else from the registry and the caller', async () => {
  const request = await requestFor(nameOf(cn('device-1')));
  const plan = decideEnrollment(order(request, callerOf(registered)));
  const { publicKey } = keyPairs['P-256'];
  assert.deepEqual(Buffer.from(plan.publicKey.subjectPublicKeyInfo), spkiOf(publicKey));
  assert.deepEqual(plan.endpoints, tenant.endpoints);
  assert.equal(plan.subscriber, 'device-1');
  assert.deepEqual(plan.credential, { kind: 'one-time-password', id: 'otp-1' });
  assert.equal(plan.profile, devicesFor90Days);
  assert.equal(plan.requestId, 'request-1');
});

describe('renewal', () => {
  let ca: SoftwareCa;
  before(async () => {
    ca = await makeSoftwareCa();
  });

  /** A certificate as the device holds it. */
  async function held(subject: Uint8Array, subjectAltNames: string[] = []): Promise<Certificate> {
    const { issuing: issuer, signer } = ca;
    const parts = { issuer, signer, ledger: memoryLedger(), serialPrefix: 1 };
    const plan = makePlan({ subject, subjectAltNames });
    return readCertificate((await new CertificateAuthority(parts).issue(plan)).certificate);
  }
  const own = encodeSubject({ commonName: 'device-1', serialNumber: '42' });

  const accepted: [what: string, subject: Uint8Array, names: string[]][] = [
    ['the same subject, no names', own, []],
    [
      'the same subject in other string types',
      nameOf(cn('device-1', printableString), serial('42', utf8String)),
      [],
    ],
    ['the same names', own, ['DNS:a.example', 'IP:192.0.2.1']],
  ];
  for (const [what, subject, san] of accepted)
    test(what, async () => {
      const certificate = await held(own, san);
      const request = await requestFor(subject, san);
      const plan = decideReenrollment(renewal(request, callerOf(registered, certificate)));
      assert.ok(sameBytes(plan.subject, own));
      assert.deepEqual(plan.subjectAltNames, san);
      assert.equal(plan.subscriber, 'device-1');
    });

  for (const [revokeOld, ends, atOnce] of [
    ['never', false, undefined],
    ['after-new-is-used', true, undefined],
    ['now', true, true],
  ] as const)
    test(`whether it ends the old certificate is the group's to say: ${revokeOld}`, async () => {
      const certificate = await held(own);
      const caller = callerOf(registered, certificate);
      const group = { ...caller.group, settings: { ...defaultSettings, revokeOld } };
      const request = await requestFor(own);
      const by = { ...caller, group };
      const { supersedes, supersedesAtOnce } = decideReenrollment(renewal(request, by));
      assert.equal(supersedes, ends ? certificate.serialNumber : undefined);
      assert.equal(supersedesAtOnce, atOnce);
      assert.equal(decideEnrollment(order(request, by)).supersedes, undefined);
    });

  const both = ['DNS:a.example', 'DNS:b.example'];
  const refused: [what: string, subject: Uint8Array, had: string[], wanted: string[]][] = [
    ['another CN', nameOf(cn('device-2'), serial('42')), [], []],
    ['another serial number', nameOf(cn('device-1'), serial('43')), [], []],
    ['a subject with an RDN less', nameOf(cn('device-1')), [], []],
    [
      'a subject with an RDN more',
      nameOf(cn('device-1'), serial('42'), attributeOf('2.5.4.10', 'acme', utf8String)),
      [],
      [],
    ],
    ['a subject in another order', nameOf(serial('42'), cn('device-1')), [], []],
    ['a subject in capitals', nameOf(cn('DEVICE-1'), serial('42')), [], []],
    ['an empty subject', sequence(), [], []],
    ['a name added', own, ['DNS:a.example'], both],
    ['the first name added', own, [], ['DNS:a.example']],
    ['a name dropped', own, both, ['DNS:a.example']],
    ['all names dropped', own, both, []],
    ['the names in another order', own, both, [...both].reverse()],
    ['a name changed', own, ['DNS:a.example'], ['DNS:b.example']],
    ['a name twice', own, ['DNS:a.example'], ['DNS:a.example', 'DNS:a.example']],
  ];
  for (const [what, subject, had, wanted] of refused)
    test(`${what} is refused`, async () => {
      const caller = callerOf(registered, await held(own, had));
      const request = await requestFor(subject, wanted);
      assert.throws(() => decideReenrollment(renewal(request, caller)), mismatch);
    });

  test('two names are not one name that holds their comma', async () => {
    const caller = callerOf(registered, await held(own, ['URI:urn:x:1,URI:urn:x:2']));
    const request = await requestFor(own, ['URI:urn:x:1', 'URI:urn:x:2']);
    assert.throws(() => decideReenrollment(renewal(request, caller)), mismatch);
  });

  test('a name that the registry no longer holds is refused', async () => {
    const caller = callerOf({ ...registered, names: ['DNS:b.example'] }, await held(own, both));
    const request = await requestFor(own, both);
    assert.throws(() => decideReenrollment(renewal(request, caller)), {
      ...mismatch,
      message: /does not hold the names DNS:a\.example/,
    });
  });

  test('the endpoints are the tenant’s of today, not the certificate’s', async () => {
    const caller = callerOf(registered, await held(own));
    const plan = decideReenrollment(renewal(await requestFor(own), caller));
    assert.deepEqual(plan.endpoints, tenant.endpoints);
  });

  test('without the certificate that is renewed, nobody is known', async () => {
    const request = await requestFor(own);
    assert.throws(() => decideReenrollment(renewal(request, callerOf(registered))), {
      name: 'Refusal',
      code: 'unauthenticated',
    });
  });
});

test('an endpoint extension or a purpose asked for in the request is not in the plan', async () => {
  const { subject } = await requestFor(nameOf(cn('device-1')));
  const attributes = [
    extensionRequest(
      extension(
        '2.25.167961711462897340840238540640387591537.1',
        sequence(text(ia5String, 'mqtts://evil.example')),
      ),
      extension('2.5.29.19', sequence(encode(tags.boolean, Uint8Array.of(0xff)))),
      extension('2.5.29.37', sequence(oidOf('1.3.6.1.5.5.7.3.28'))),
    ),
  ];
  const request = await parseCertificateRequest(forgeRequest({ subject, attributes }));
  const plan = decideEnrollment(order(request, callerOf(registered)));
  assert.deepEqual(plan.endpoints, tenant.endpoints);
  assert.deepEqual(plan.profile, devicesFor90Days);
});

describe('the endpoints in the plan', () => {
  const policy = readyPolicy({
    allocate: 'region',
    regionFrom: [{ from: 'network', networks: { '192.0.2.0/24': 'eu' } }],
    regions: { eu: { allocate: 'fixed', endpoints: ['mqtts://eu.example'] } },
    otherwise: { allocate: 'tenant' },
  });
  const allocation = { ...noRules, policies: new Map([['acme', policy]]) };

  test('are by the group’s policy, and what the request showed goes on record', async () => {
    const request = await requestFor(nameOf(cn('device-1')));
    const plan = decideEnrollment({ ...order(request, callerOf(registered)), allocation });
    assert.deepEqual(plan.endpoints, ['mqtts://eu.example']);
    assert.deepEqual(plan.foundRegions, { network: 'eu' });
  });

  test('are not by the network of who asks in the device’s place', async () => {
    const request = await requestFor(nameOf(cn('device-1')));
    const ra = { ...registered, id: 'ra-1', role: 'registration-authority' } as const;
    const caller = { ...callerOf(registered), relayedBy: ra };
    const plan = decideEnrollment({ ...order(request, caller), allocation });
    assert.deepEqual(plan.endpoints, tenant.endpoints);
    assert.equal(plan.foundRegions, undefined);
  });

  test('a device in quarantine gets no plan where nothing is set for it', async () => {
    const request = await requestFor(nameOf(cn('device-1')));
    const held = { ...registered, quarantined: true };
    assert.throws(() => decideEnrollment(order(request, callerOf(held))), {
      name: 'Refusal',
      code: 'device-quarantined',
    });
  });
});
