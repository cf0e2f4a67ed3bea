import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkDigitOf, hasRightCheckDigit } from './verhoeff.ts';

const digits = fc.stringMatching(/^[0-9]{1,20}$/);

test('published examples', () => {
  for (const [number, check] of [
    ['236', '3'],
    ['12345', '1'],
    ['142857', '0'],
    ['123456789012', '0'],
    ['8473643095483728456789', '2'],
  ] as const) {
    assert.equal(checkDigitOf(number), check, number);
    assert.ok(hasRightCheckDigit(number + check));
  }
});

test('every wrong digit is found, at every place', () => {
  fc.assert(
    fc.property(digits, (number) => {
      const right = number + checkDigitOf(number);
      assert.ok(hasRightCheckDigit(right));
      for (let place = 0; place < right.length; place++)
        for (const digit of '0123456789') {
          const wrong = right.slice(0, place) + digit + right.slice(place + 1);
          assert.equal(hasRightCheckDigit(wrong), wrong === right, `${wrong} of ${right}`);
        }
    }),
    { numRuns: 200 },
  );
});

test('every swap of neighbours is found', () => {
  fc.assert(
    fc.property(digits, (number) => {
      const right = number + checkDigitOf(number);
      for (let place = 1; place < right.length; place++) {
        const wrong =
          right.slice(0, place - 1) + right[place] + right[place - 1] + right.slice(place + 1);
        assert.equal(hasRightCheckDigit(wrong), wrong === right, `${wrong} of ${right}`);
      }
    }),
  );
});
