/** Names that a device changes by its request (RFC 6402 section 2.8, RFC 7030 section 4.2.2). */

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type Certificate, readCertificate } from '../ca/certificate.ts';
import { CertificateAuthority } from '../ca/certificate-authority.ts';
import type { CertificatePlan } from '../ca/certificate-plan.ts';
import { parseCertificateRequest } from '../ca/certificate-request.ts';
import { encode, tags } from '../ca/der.ts';
import { encodeSubject } from '../ca/distinguished-name.ts';
import { encodeGeneralNames } from '../ca/general-names.ts';
import { dotted } from '../ca/object-identifiers.ts';
import { authorizedOrder } from '../test/support/authorized-order.ts';
import {
  attribute,
  extension,
  extensionRequest,
  forgeRequest,
  oidOf,
  sequence,
  setOf,
  text,
} from '../test/support/forged-request.ts';
import { memoryLedger } from '../test/support/memory-ledger.ts';
import { devicesFor90Days, makePlan, makeSoftwareCa } from '../test/support/software-ca.ts';
import { noRules } from './allocation/allocate.ts';
import type { Caller } from './authenticator.ts';
import type { Device } from './device.ts';
import { defaultSettings } from './group-settings.ts';
import { decideEnrollment, decideReenrollment } from './policy.ts';

const { utf8String, printableString } = tags;
const cn = (value: string, tag: number = utf8String) =>
  sequence(oidOf(dotted.commonName), text(tag, value));
const serial = (value: string, tag: number = printableString) =>
  sequence(oidOf(dotted.serialNumber), text(tag, value));
/** A Name of one attribute for each RDN. */
const nameOf = (...attributes: Uint8Array[]) => sequence(...attributes.map((each) => setOf(each)));

/** Since its certificate, a name was taken from it and another given. */
const device: Device = {
  id: 'device-1',
  tenant: 'acme',
  group: 'acme',
  serialNumber: '42',
  names: ['DNS:kept.example', 'DNS:new.example'],
  status: 'active',
  role: 'device',
};
const own = encodeSubject({ commonName: 'device-1', serialNumber: '42' });
const namesBefore = ['DNS:kept.example', 'DNS:old.example'];
let held: Certificate;

before(async () => {
  const { issuing: issuer, signer } = await makeSoftwareCa();
  const parts = { issuer, signer, ledger: memoryLedger(), serialPrefix: 1 };
  const plan = makePlan({ subject: own, subjectAltNames: namesBefore });
  held = readCertificate((await new CertificateAuthority(parts).issue(plan)).certificate);
});

interface Wanted {
  readonly subject?: Uint8Array;
  readonly names?: readonly string[];
}

interface Asked {
  readonly change: Wanted;
  /** What the request itself names; by default the same as the certificate. */
  readonly request?: Wanted;
  readonly accepted?: boolean;
}

async function orderOf({ change, request = {}, accepted = true }: Asked) {
  const { subject = own, names = namesBefore } = request;
  const value = sequence(
    ...(change.subject ? [change.subject] : []),
    ...(change.names ? [encodeGeneralNames(change.names)] : []),
  );
  const attributes = [
    attribute(dotted.changeSubjectName, value),
    ...(names.length > 0
      ? [extensionRequest(extension(dotted.subjectAltName, encodeGeneralNames(names)))]
      : []),
  ];
  const settings = { ...defaultSettings, subjectChange: accepted };
  const caller: Caller = {
    device,
    tenant: { id: 'acme', endpoints: [], suspended: false },
    group: { label: 'acme', tenant: 'acme', settings },
    credential: { kind: 'client-certificate', id: held.serialNumber },
    certificate: held,
  };
  return {
    request: await parseCertificateRequest(forgeRequest({ subject, attributes })),
    caller,
    profile: devicesFor90Days,
    linking: 'absent' as const,
    allocation: noRules,
    source: '192.0.2.1',
    requestId: 'request-1',
  };
}

type Order = Awaited<ReturnType<typeof orderOf>>;
const decideFirst = (order: Order) => decideEnrollment(authorizedOrder('enroll', order));
const decideRenewal = (order: Order) => decideReenrollment(authorizedOrder('reenroll', order));
const operations: Record<string, (order: Order) => CertificatePlan> = {
  'a first certificate': decideFirst,
  'a renewal': decideRenewal,
};
const empty = encode(tags.sequence);
const hex = (octets: Uint8Array) => Buffer.from(octets).toString('hex');
const mismatch = { name: 'Refusal', code: 'identity-mismatch' };

for (const [operation, decide] of Object.entries(operations))
  describe(`${operation} under other names`, () => {
    const granted: [what: string, change: Wanted, subject: Uint8Array, names: string[]][] = [
      ['a subject alone: no names are left', { subject: own }, own, []],
      [
        'names alone: no subject is left',
        { names: ['DNS:new.example'] },
        empty,
        ['DNS:new.example'],
      ],
      ['both', { subject: own, names: device.names }, own, [...device.names]],
      [
        'a part of the subject',
        { subject: nameOf(cn('device-1')), names: ['DNS:new.example'] },
        encodeSubject({ commonName: 'device-1' }),
        ['DNS:new.example'],
      ],
      ['the serial number alone', { subject: nameOf(serial('42')) }, nameOf(serial('42')), []],
      [
        'in other string types, which do not get into the certificate',
        { subject: nameOf(cn('device-1', printableString), serial('42', utf8String)) },
        own,
        [],
      ],
      [
        'in one RDN, in an order that is not DER',
        { subject: sequence(setOf(serial('42'), cn('device-1'))) },
        own,
        [],
      ],
    ];
    for (const [what, change, subject, names] of granted)
      test(what, async () => {
        const plan = decide(await orderOf({ change }));
        assert.equal(hex(plan.subject), hex(subject));
        assert.deepEqual(plan.subjectAltNames, names);
      });

    const refused: [what: string, change: Wanted][] = [
      ["another device's subject", { subject: nameOf(cn('device-2')) }],
      ["another device's serial number", { subject: nameOf(cn('device-1'), serial('43')) }],
      ['a subject of more', { subject: nameOf(cn('device-1'), cn('device-2')) }],
      ['its own subject twice', { subject: nameOf(cn('device-1'), cn('device-1')) }],
      ['a name that the registry does not hold', { names: ['DNS:other.example'] }],
      ['a name that the registry no longer holds', { subject: own, names: namesBefore }],
      ['one good name and one bad', { names: ['DNS:new.example', 'DNS:other.example'] }],
    ];
    for (const [what, change] of refused)
      test(`${what} is refused`, async () => {
        const order = await orderOf({ change });
        assert.throws(() => decide(order), mismatch);
      });

    test('is refused where the group does not accept it', async () => {
      const order = await orderOf({ change: { subject: own }, accepted: false });
      assert.throws(() => decide(order), { ...mismatch, message: /does not accept changeSubject/ });
    });

    test('does not hide that the request names somebody else', async () => {
      const request = { subject: nameOf(cn('device-2')) };
      const order = await orderOf({ change: { subject: own }, request });
      assert.throws(() => decide(order), mismatch);
    });
  });

describe('a renewal with changeSubjectName still names what it renews', () => {
  const requests: Record<string, Wanted> = {
    'the new subject': { subject: nameOf(cn('device-1')) },
    'the new names': { names: device.names },
    'no names': { names: [] },
  };
  for (const [what, request] of Object.entries(requests))
    test(`${what} in the request itself: refused`, async () => {
      const change = { subject: nameOf(cn('device-1')), names: device.names };
      const order = await orderOf({ change, request });
      assert.throws(() => decideRenewal(order), {
        ...mismatch,
        message: /not that of the certificate to be renewed/,
      });
    });
});
