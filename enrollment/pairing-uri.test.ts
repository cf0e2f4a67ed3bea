import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { makePairingCode } from './pairing-code.ts';
import { type Pairing, pairingUri, readPairingUri } from './pairing-uri.ts';

const pairings: fc.Arbitrary<Pairing> = fc
  .record({
    server: fc.constantFrom('est.example', 'est.example:8443', '192.0.2.7:1', '[2001:db8::7]:8443'),
    label: fc.option(fc.constantFrom('acme', 'line-4', 'A.b_c'), { nil: undefined }),
    device: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/),
    long: fc.boolean(),
    fingerprint: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  })
  .map(({ label, long, fingerprint, ...rest }) => ({
    ...rest,
    ...(label === undefined ? {} : { label }),
    code: makePairingCode(long ? 'long-pairing-code' : 'numeric-pairing-code').replaceAll('-', ''),
    fingerprint: Buffer.from(fingerprint),
  }));

test('what is written is read', () => {
  fc.assert(
    fc.property(pairings, (pairing) => {
      assert.deepEqual(readPairingUri(pairingUri(pairing)), pairing);
    }),
  );
});

const example = {
  server: 'est.example:8443',
  label: 'acme',
  device: 'pump@17',
  code: '1234-567-8902',
  fingerprint: Buffer.alloc(32, 0xff),
};
const uri =
  'est+pair://est.example:8443/.well-known/est/acme?d=pump%4017&c=12345678902&f=__________________________________________8';

test('an example', () => {
  assert.equal(pairingUri(example), uri);
});

test('anything else is refused with a sentence', () => {
  for (const wrong of [
    '',
    uri.replace('est+pair', 'https'),
    uri.replace('est.example', 'user@est.example'),
    uri.replace(':8443', ':84430'),
    uri.replace(':8443', ':0'),
    uri.replace('/acme', '/acme/more'),
    uri.replace('/acme', '/simpleenroll'),
    uri.replace('d=pump%4017', 'd=pump%ZZ17'),
    uri.replace('d=pump%4017', 'd=pump%3A17'),
    uri.replace('d=pump%4017&', ''),
    uri.replace('&f=', '&g=1&f='),
    uri.replace('12345678902', '12345678903'),
    uri.replace('12345678902', 'secret'),
    `${uri.slice(0, -1)}9`,
    uri.slice(0, -1),
    `${uri}&d=pump-2`,
    `${uri}#fragment`,
    `${uri}${' '.repeat(500)}`,
  ])
    assert.throws(() => readPairingUri(wrong), /pairing|cannot be|not HOST|operation/, wrong);
});
