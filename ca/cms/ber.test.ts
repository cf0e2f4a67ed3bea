import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Refusal } from '../refusal.ts';
import { derOf, octetsOf, readBer } from './ber.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const refused = (text: string, reason: RegExp) =>
  assert.throws(
    () => readBer(hex(text)),
    (error) =>
      error instanceof Refusal && error.code === 'malformed-request' && reason.test(error.message),
  );

suite('lengths', () => {
  for (const [form, text] of [
    ['short', '30 03 020105'],
    ['long, though short would do', '30 81 03 020105'],
    ['long with leading zeros', '30 84 00000003 020105'],
    ['indefinite', '30 80 020105 0000'],
  ] as const)
    test(`${form}`, () => {
      const element = readBer(hex(text));
      assert.equal(element.tag, 0x30);
      assert.deepEqual(Buffer.from(element.bytes), hex(text));
      assert.deepEqual(Buffer.from(element.content), hex('020105'));
      assert.deepEqual(
        element.children.map(({ bytes }) => Buffer.from(bytes)),
        [hex('020105')],
      );
    });

  test('indefinite inside indefinite ends where it ends', () => {
    const [first, second] = readBer(hex('30 80 30 80 0000 020105 0000')).children;
    assert.deepEqual(Buffer.from(first?.bytes ?? []), hex('30800000'));
    assert.deepEqual(Buffer.from(second?.bytes ?? []), hex('020105'));
  });

  test('indefinite inside definite', () => {
    assert.equal(readBer(hex('30 07 30 80 020105 0000')).children.length, 1);
  });
});

suite('what is no BER, or more than a message needs', () => {
  const many = `30 83 003a98 ${'0500'.repeat(7500)}`;
  for (const [what, text, reason] of [
    ['nothing', '', /too early/],
    ['a tag alone', '30', /too early/],
    ['a length that ends too early', '30 82 01', /too early/],
    ['a length beyond the end', '30 05 020105', /beyond the end/],
    ['a child beyond its parent', '30 03 020205 05', /beyond the end/],
    ['an enormous length', '30 89 010000000000000000', /more than eight octets/],
    ['octets after the end', '30 03 020105 00', /follow the end/],
    ['octets after an indefinite end', '30 80 0000 00', /follow the end/],
    ['an indefinite length that never ends', '30 80 020105', /too early/],
    ['half an end', '30 80 020105 00', /too early/],
    ['an end with a length', '30 80 020105 0001 00', /end-of-contents/],
    ['an end without a beginning', '30 02 0000', /without a beginning/],
    ['a primitive of indefinite length', '04 80 0000', /primitive/],
    ['a high tag number', '3f 1f 00', /above 30/],
    ['more elements than a message has', many, /more than 4000 elements/],
    ['a deep nest', `${'3080'.repeat(2000)}`, /deeper than/],
  ] as const)
    test(what, () => refused(text, reason));
});

suite('octet strings', () => {
  for (const [form, text] of [
    ['whole', '04 04 01020304'],
    ['in segments', '24 08 04 02 0102 04 02 0304'],
    ['in segments of indefinite length', '24 80 04 02 0102 04 02 0304 0000'],
    ['in segments of segments', '24 80 24 80 04 01 01 0000 04 03 020304 0000'],
  ] as const)
    test(form, () => assert.deepEqual(Buffer.from(octetsOf(readBer(hex(text)))), hex('01020304')));

  test('no segments are no octets', () =>
    assert.equal(octetsOf(readBer(hex('2480 0000'))).length, 0));

  for (const text of ['020105', '24 03 020105', '30 02 0400'])
    test(`${text} is none`, () =>
      assert.throws(
        () => octetsOf(readBer(hex(text))),
        (error) => error instanceof Refusal,
      ));
});

suite('parts that have to be DER', () => {
  test('are taken as they stand', () => {
    assert.deepEqual(Buffer.from(derOf(readBer(hex('3003020105'))).bytes), hex('3003020105'));
  });
  for (const text of ['3080 020105 0000', '30 81 03 020105', '3004 02020005'])
    test(`${text} is refused`, () =>
      assert.throws(
        () => derOf(readBer(hex(text))),
        (error) => error instanceof Refusal && /not DER/.test(error.message),
      ));
});
