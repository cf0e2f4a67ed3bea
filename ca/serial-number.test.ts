import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode, readDer, tags } from './der.ts';
import { makeSerialNumber } from './serial-number.ts';

test('serial numbers: positive INTEGERs of 18 octets that begin with the prefix', () => {
  for (const prefix of [1, 2, 127])
    for (let i = 0; i < 200; i++) {
      const octets = Buffer.from(makeSerialNumber(prefix), 'hex');
      assert.equal(octets.length, 18);
      assert.equal(octets[0], prefix);
      readDer(encode(tags.integer, octets));
    }
});

test('serial numbers do not repeat, and each of their 136 bits is random', () => {
  const count = 2000;
  const serials = Array.from({ length: count }, () => makeSerialNumber(1));
  assert.equal(new Set(serials).size, count);
  const values = serials.map((serial) => BigInt(`0x${serial}`));
  for (let bit = 0n; bit < 136n; bit++) {
    const ones = values.filter((value) => (value >> bit) & 1n).length;
    // Eight standard deviations from one half.
    assert.ok(Math.abs(ones - count / 2) < 180, `bit ${bit} is set in ${ones} of ${count}`);
  }
});

test('a prefix that would make a number negative, zero or longer is refused', () => {
  for (const prefix of [0, -1, 128, 256, 1.5, Number.NaN])
    assert.throws(() => makeSerialNumber(prefix), RangeError);
});
