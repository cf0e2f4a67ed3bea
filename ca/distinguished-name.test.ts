import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { commonName, oidOf, sequence, setOf, text } from '../test/support/forged-request.ts';
import { readDer, tags } from './der.ts';
import { describeName, encodeSubject, readName, sameName } from './distinguished-name.ts';

const { utf8String, printableString } = tags;
const pair = (type: string, value: string, tag: number = utf8String) =>
  sequence(oidOf(type), text(tag, value));
const cn = (value: string, tag: number = utf8String) => setOf(pair('2.5.4.3', value, tag));
const serial = (value: string, tag: number = printableString) => setOf(pair('2.5.4.5', value, tag));

test('a subject is written as RFC 5280 asks: CN in UTF8String, serialNumber in PrintableString', () => {
  const der = Buffer.from(encodeSubject({ commonName: 'gerät-1', serialNumber: '42' }));
  assert.equal(
    der.toString('hex'),
    '3020311130' + '0f06035504030c0867' + '6572c3a4742d31310b3009' + '06035504051302' + '3432',
  );
  assert.deepEqual(readName(readDer(der)), [
    { type: 'commonName', text: 'gerät-1' },
    { type: 'serialNumber', text: '42' },
  ]);
});

test('a subject without a serial number has none', () => {
  assert.deepEqual(
    Buffer.from(encodeSubject({ commonName: 'a', serialNumber: undefined })),
    Buffer.from(sequence(cn('a'))),
  );
});

describe('names that are the same', () => {
  const same: Record<string, [Uint8Array, Uint8Array]> = {
    'octet for octet': [sequence(cn('a'), serial('1')), sequence(cn('a'), serial('1'))],
    'in another string type': [sequence(cn('a')), sequence(cn('a', printableString))],
    'values of one RDN in another order': [
      sequence(setOf(pair('2.5.4.3', 'a'), pair('2.5.4.5', '1'))),
      sequence(setOf(pair('2.5.4.5', '1'), pair('2.5.4.3', 'a'))),
    ],
    'both empty': [sequence(), sequence()],
  };
  for (const [what, [a, b]] of Object.entries(same))
    test(what, () => {
      assert.ok(sameName(a, b));
      assert.ok(sameName(b, a));
    });
});

describe('names that differ', () => {
  const different: Record<string, [Uint8Array, Uint8Array]> = {
    'in their text': [sequence(cn('a')), sequence(cn('b'))],
    'in case': [sequence(cn('a')), sequence(cn('A'))],
    'in blanks': [sequence(cn('a')), sequence(cn('a '))],
    'in their type': [sequence(cn('1')), sequence(serial('1'))],
    'in the order of their RDNs': [sequence(cn('a'), serial('1')), sequence(serial('1'), cn('a'))],
    'in a further RDN': [sequence(cn('a')), sequence(cn('a'), serial('1'))],
    'in a repeated RDN': [sequence(cn('a')), sequence(cn('a'), cn('a'))],
    'in one RDN or two': [
      sequence(cn('a'), serial('1')),
      sequence(setOf(pair('2.5.4.3', 'a'), pair('2.5.4.5', '1'))),
    ],
    'in a further value of an RDN': [
      sequence(cn('a')),
      sequence(setOf(pair('2.5.4.3', 'a'), pair('2.5.4.5', '1'))),
    ],
    'though their descriptions are alike': [
      sequence(cn('a, serialNumber=1')),
      sequence(cn('a'), serial('1')),
    ],
    'in an empty one': [sequence(), sequence(cn('a'))],
    'in a NUL': [sequence(cn('a')), sequence(cn('a\0'))],
  };
  for (const [what, [a, b]] of Object.entries(different))
    test(what, () => {
      assert.ok(!sameName(a, b));
      assert.ok(!sameName(b, a));
    });

  test('in Unicode letters that look alike', () => {
    // U+00E4, and U+0061 U+0308: RFC 5280 section 7.1 would prepare them; a device id is exact.
    assert.ok(!sameName(sequence(cn('\u00e4')), sequence(cn('a\u0308'))));
  });
});

test('text that looks like a name stays text', () => {
  const [attribute, ...more] = readName(readDer(commonName('x/OU=admin, commonName=root')));
  assert.deepEqual(attribute, { type: 'commonName', text: 'x/OU=admin, commonName=root' });
  assert.equal(more.length, 0);
});

test('a byte order mark is part of the text', () => {
  assert.notEqual(readName(readDer(commonName('\ufeffdevice-1')))[0]?.text, 'device-1');
});

test('describeName', () => {
  const attributes = readName(readDer(encodeSubject({ commonName: 'a', serialNumber: '1' })));
  assert.equal(describeName(attributes), 'commonName=a, serialNumber=1');
});
