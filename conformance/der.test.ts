import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NotDer, parseBer, parseDer, walk } from './der.ts';

const hex = (digits: string) => Buffer.from(digits.replaceAll(' ', ''), 'hex');

const canonical = {
  'an empty sequence': '3000',
  'cA TRUE': '300f 0603551d13 0101ff 0405 3003 0101ff',
  'cA FALSE by silence': '3009 0603551d13 0402 3000',
  'keyUsage without trailing zeros': '300b 0603551d0f 0404 03020780',
  'a sorted set': '3106 020101 020102',
  'a negative integer': '0201ff',
};

const faulty = {
  'indefinite length': '3080 020101 0000',
  'a length in too many octets': '308103 020101',
  'a byte too many': '3000 00',
  'an element cut off': '3003 0201',
  'BOOLEAN 01': '010101',
  'a padded INTEGER': '02020001',
  'an unsorted set': '3106 020102 020101',
  'unused bits that are set': '03020701',
  'a padded OBJECT IDENTIFIER': '0603 558001',
  'critical FALSE written out': '300c 0603551d13 010100 0402 3000',
  'cA FALSE written out': '300c 0603551d13 0405 3003 010100',
  'keyUsage with trailing zeros': '300b 0603551d0f 0404 03020080',
};

for (const [what, digits] of Object.entries(canonical)) {
  test(`${what} is DER`, () => {
    assert.deepEqual(parseDer(hex(digits)).encoded, hex(digits));
  });
}

for (const [what, digits] of Object.entries(faulty)) {
  const octets = hex(digits);
  test(`${what} is not DER`, () => {
    assert.throws(() => parseDer(octets), NotDer);
  });
}

test('BER of indefinite length is read, though it is not DER', () => {
  const { children, encoded } = parseBer(hex('3080 020101 0000'));
  assert.equal(children.length, 1);
  assert.equal(encoded.length, 7);
});

test('walk visits every element, outermost first', () => {
  const tags = [...walk(parseDer(hex('3006 3100 3002 0500')))].map(({ tag }) => tag);
  assert.deepEqual(tags, [0x30, 0x31, 0x30, 0x05]);
});
