import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CertificateError } from '../ca/certificate.ts';
import { describeFieldSource, parseFieldSource, readFieldSource } from './field-source.ts';

const certificate = (text: string) => ({ field: () => text });
const found = (source: string, text: string) =>
  readFieldSource(certificate(text), parseFieldSource(source, 'serial'), 'serial');

describe('where the serial number stands', () => {
  const read: [source: string, text: string, serial: string][] = [
    ['subject:serialNumber', 'SN 1', 'SN 1'],
    ['subject:commonName={serial}', 'A-1', 'A-1'],
    ['subject:commonName=Pump-{serial}', 'Pump-A-1', 'A-1'],
    ['subject:commonName={serial}@*', '77@eu', '77'],
    ['subject:commonName=*-{serial}-EU', 'P9-77-EU', '77'],
    ['san:hwSerialNum=a+b{serial}', 'a+b77', '77'],
  ];
  for (const [source, text, serial] of read)
    test(`${source} in ${text}`, () => {
      assert.equal(found(source, text), serial);
      assert.equal(describeFieldSource(parseFieldSource(source, 'serial')), source);
    });

  const unfit: [source: string, text: string][] = [
    ['subject:commonName=Pump-{serial}', 'Valve-1'],
    ['subject:commonName=Pump-{serial}', 'Pump-'],
    ['subject:commonName={serial}-EU', '1-2-EU'],
    ['subject:commonName={serial}-EU', '1-EU2'],
    ['subject:commonName=*-{serial}', '-1'],
    ['subject:commonName={serial}.', 'aaaa'],
    // What means much elsewhere means itself here.
    ['subject:commonName=.+{serial}', 'x1'],
  ];
  for (const [source, text] of unfit)
    test(`${source} does not fit ${text}`, () => {
      assert.throws(() => found(source, text), CertificateError);
    });

  test('a pattern of many wildcards takes no time', () => {
    const source = `subject:commonName=${'*a'.repeat(80)}{serial}`;
    const started = performance.now();
    for (let i = 0; i < 100; i++) assert.throws(() => found(source, 'ba'.repeat(79)));
    assert.ok(performance.now() - started < 500);
  });
});

describe('what is no place for it', () => {
  const refused: [source: string, sentence: RegExp][] = [
    ['subject:mail', /no field/],
    ['serialNumber', /no field/],
    ['subject:commonName=', /must have \{serial\} once/],
    ['subject:commonName=Pump', /must have \{serial\} once/],
    ['subject:commonName={model}', /must have \{serial\} once/],
    ['subject:commonName={serial}-{serial}', /once/],
    ['subject:commonName=*{serial}', /needs a character between/],
    ['subject:commonName=**x{serial}', /needs a character between/],
    [`subject:commonName={serial}${'x'.repeat(200)}`, /longer than 200/],
  ];
  for (const [source, sentence] of refused)
    test(source.slice(0, 50), () =>
      assert.throws(
        () => parseFieldSource(source, 'serial'),
        (error) => error instanceof TypeError && sentence.test(error.message),
      ),
    );
});
