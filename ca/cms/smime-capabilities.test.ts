import assert from 'node:assert/strict';
import { test } from 'node:test';
import { algorithm, nullValue, oidOf, sequence } from '../../test/support/forged-request.ts';
import { encode, readDer, tags } from '../der.ts';
import { octetsKey } from '../object-identifiers.ts';
import { Refusal } from '../refusal.ts';
import { readSmimeCapabilities } from './smime-capabilities.ts';

const read = (value: Uint8Array) => readSmimeCapabilities(readDer(value));

test('capabilities are read in their order, known or not, with their parameters', () => {
  const capabilities = read(
    sequence(algorithm('1.2.3'), algorithm('1.2.840.113549.3.7', nullValue)),
  );
  assert.deepEqual(
    capabilities.map(({ type, parameters }) => [octetsKey(type), parameters?.tag]),
    [
      [octetsKey(oidOf('1.2.3')), undefined],
      [octetsKey(oidOf('1.2.840.113549.3.7')), tags.null],
    ],
  );
});

test('none are none', () => assert.deepEqual(read(sequence()), []));

for (const [what, value] of [
  ['a SET', encode(tags.set, algorithm('1.2.3'))],
  ['a bare object identifier', sequence(oidOf('1.2.3'))],
  ['a capability without an identifier', sequence(sequence())],
  ['a capability that begins with NULL', sequence(sequence(nullValue))],
  ['a capability of three parts', sequence(algorithm('1.2.3', nullValue, nullValue))],
] as const)
  test(`${what} is refused`, () => {
    assert.throws(
      () => read(value),
      (error) => error instanceof Refusal && error.code === 'malformed-request',
    );
  });
