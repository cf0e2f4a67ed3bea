import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textDiff } from './text-diff.ts';

const before = 'a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n';

test('a line that changes, with three lines around it', () => {
  assert.deepEqual(textDiff(before, before.replace('e', 'E')), [
    '  b',
    '  c',
    '  d',
    '- e',
    '+ E',
    '  f',
    '  g',
    '  h',
  ]);
});

test('what lies between two changes is left out', () => {
  const after = before.replace('a', 'A').replace('j', 'J');
  assert.deepEqual(textDiff(before, after), [
    ...['- a', '+ A', '  b', '  c', '  d', '...'],
    ...['  g', '  h', '  i', '- j', '+ J'],
  ]);
});

test('the same text has no difference, and from nothing all is new', () => {
  assert.deepEqual(textDiff(before, before.trimEnd()), []);
  assert.deepEqual(textDiff('', 'a\nb\n'), ['+ a', '+ b']);
  assert.deepEqual(textDiff('a\n', ''), ['- a']);
});
