import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { escapeFormula, readHeading, unescapeFormula } from './columns.ts';

const strict = { ignoreUnknown: false };

describe('a heading that cannot be meant is refused', () => {
  const headings: [heading: string, said: RegExp][] = [
    ['id,colour', /not known: "colour"/],
    ['id,context.', /not known: "context\."/],
    ['id,ID', /not known: "ID"/],
    ['id,id', /the column id twice/],
    ['serial,tenant', /needs a column id/],
    ['', /not known: ""/],
  ];
  for (const [heading, said] of headings)
    test(heading, () => assert.throws(() => readHeading(heading.split(','), strict), said));
});

test('unknown columns are left out where that is asked for, in their places', () => {
  assert.deepEqual(readHeading(['colour', ' id ', 'context.line'], { ignoreUnknown: true }), [
    undefined,
    'id',
    'context.line',
  ]);
  assert.deepEqual(readHeading(['manufacturer', 'serial'], strict), ['manufacturer', 'serial']);
});

test('no text is a formula once it is escaped, and each is read as it was', () => {
  const text = fc.string({ unit: fc.constantFrom("'", '=', '+', '-', '@', 'a', '1', ' ') });
  fc.assert(
    fc.property(text, (value) => {
      const escaped = escapeFormula(value);
      assert.doesNotMatch(escaped, /^[=+\-@]/);
      assert.equal(unescapeFormula(escaped), value);
    }),
    { examples: [["'=1"], ['=1'], ["''=1"], ["'a"], ['']] },
  );
});
