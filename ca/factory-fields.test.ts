import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CertificateParts } from '../test/support/forged-certificate.ts';
import {
  extension,
  forgeCa,
  forgeDevice,
  hardwareModule,
  subjectOf,
} from '../test/support/forged-factory.ts';
import { sequence } from '../test/support/forged-request.ts';
import { readVector } from '../test/support/vectors.ts';
import { CertificateError, readCertificate } from './certificate.ts';
import { readCertificatesOf } from './cms/read-certificates.ts';
import { encode, tags } from './der.ts';
import { type FactoryField, fieldOf } from './factory-fields.ts';
import { oid } from './object-identifiers.ts';

const maker = forgeCa('Maker');
const certificateWith = async (parts: CertificateParts) =>
  readCertificate((await forgeDevice('S', await maker, parts)).der);
const sanOf = (...names: Uint8Array[]) => ({
  extensions: [extension('subjectAltName', sequence(...names))],
});

test('the certificate of RFC 9148 appendix A.2 says which device it is of', () => {
  const [der] = readCertificatesOf(readVector('rfc9148-A2-enroll-response.hex'));
  assert.ok(der);
  const certificate = readCertificate(der);
  assert.equal(certificate.notAfter.toISOString(), '9999-12-31T23:59:59.000Z');
  assert.equal(fieldOf(certificate, 'subject:serialNumber'), 'Wt1234');
  assert.equal(fieldOf(certificate, 'san:hwType'), '1.3.6.1.4.1.6715.10.1');
  assert.equal(fieldOf(certificate, 'san:hwSerialNum-hex'), '01020304');
});

describe('fields', () => {
  const read: Record<string, [FactoryField, CertificateParts, string]> = {
    'serialNumber of the subject': ['subject:serialNumber', {}, 'S'],
    'commonName of the subject': ['subject:commonName', {}, 'Pump'],
    'hwSerialNum as text': ['san:hwSerialNum', sanOf(hardwareModule(Buffer.from('A-7'))), 'A-7'],
    'hwSerialNum as octets': [
      'san:hwSerialNum-hex',
      sanOf(hardwareModule(Uint8Array.of(0, 0xff))),
      '00ff',
    ],
    'hwType beside another name': [
      'san:hwType',
      sanOf(encode(0x82, Buffer.from('a.example')), hardwareModule(Buffer.of(1), '2.23.133.1.2')),
      '2.23.133.1.2',
    ],
    'hwType of large arcs': [
      'san:hwType',
      sanOf(hardwareModule(Buffer.of(1), '2.25.167961711462897340840238540640387591537.1')),
      '2.25.167961711462897340840238540640387591537.1',
    ],
  };
  for (const [what, [field, parts, expected]] of Object.entries(read))
    test(what, async () => assert.equal(fieldOf(await certificateWith(parts), field), expected));

  const twice = subjectOf(['serialNumber', 'A'], ['serialNumber', 'B']);
  const wrongValue = encode(0xa0, oid['id-on-hardwareModuleName'], encode(0xa0, sequence()));
  const refused: Record<string, [FactoryField, CertificateParts, RegExp]> = {
    'an attribute that is not there': ['subject:organizationName', {}, /has no/],
    'an attribute that stands twice': ['subject:serialNumber', { subject: twice }, /more than one/],
    'an attribute that is no text': [
      'subject:serialNumber',
      {
        subject: sequence(
          encode(tags.set, sequence(oid.serialNumber, encode(tags.integer, Uint8Array.of(1)))),
        ),
      },
      /is no text/,
    ],
    'no subjectAltName': ['san:hwSerialNum', {}, /has no hardwareModuleName/],
    'octets that are no text': [
      'san:hwSerialNum',
      sanOf(hardwareModule(Uint8Array.of(0))),
      /san:hwSerialNum-hex/,
    ],
    'two hardware modules': [
      'san:hwSerialNum',
      sanOf(hardwareModule(Buffer.from('A')), hardwareModule(Buffer.from('B'))),
      /more than one/,
    ],
    'a hardwareModuleName of nothing': ['san:hwType', sanOf(wrongValue), /malformed/],
  };
  for (const [what, [field, parts, sentence]] of Object.entries(refused))
    test(`refused: ${what}`, async () => {
      const certificate = await certificateWith(parts);
      assert.throws(
        () => fieldOf(certificate, field),
        (error) => error instanceof CertificateError && sentence.test(error.message),
      );
    });
});
