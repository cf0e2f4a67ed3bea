import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readDer } from '../ca/der.ts';
import { readName } from '../ca/distinguished-name.ts';
import { readSubject } from './read-subject.ts';

const read = (text: string) =>
  readName(readDer(readSubject(text))).map(({ type, text }) => `${type}=${text}`);

describe('the subject of a CA', () => {
  test('keeps its order, and a comma that is escaped', () => {
    assert.deepEqual(read('C=DE, o=Acme\\, Inc., CN=Acme Devices CA'), [
      'countryName=DE',
      'organizationName=Acme, Inc.',
      'commonName=Acme Devices CA',
    ]);
    assert.deepEqual(read('DC=example,DC=acme,CN=a=b'), [
      'domainComponent=example',
      'domainComponent=acme',
      'commonName=a=b',
    ]);
  });

  for (const [text, sentence] of [
    ['O=Acme', /has a common name/],
    ['CN=', /1 to 64 characters/],
    [`CN=${'x'.repeat(65)}`, /1 to 64 characters/],
    ['C=Germany, CN=x', /countryName has 2 characters/],
    ['EMAIL=a@b, CN=x', /"EMAIL=a@b" is not an attribute/],
    ['x', /is not an attribute of a subject: write TYPE=text/],
  ] as const)
    test(`refused: ${text.slice(0, 20)}`, () => {
      assert.throws(() => readSubject(text), { name: 'TypeError', message: sentence });
    });
});
