import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import { test } from 'node:test';
import { ecdsaSignatureFromDer, ecdsaSignatureToDer } from './ecdsa-signature.ts';

const keys = [
  { curve: 'P-256', size: 32, hash: 'sha256' },
  { curve: 'P-384', size: 48, hash: 'sha384' },
] as const;

for (const { curve, size, hash } of keys) {
  test(`${curve}: 5,000 signatures convert to the DER that OpenSSL verifies, and back`, () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: curve });
    for (let i = 0; i < 5000; i += 1) {
      const message = randomBytes(20);
      const raw = sign(hash, message, { key: privateKey, dsaEncoding: 'ieee-p1363' });
      const der = ecdsaSignatureToDer(raw);
      assert.ok(verify(hash, message, publicKey, der));
      assert.deepEqual(ecdsaSignatureFromDer(der, size), raw);
    }
  });

  test(`${curve}: 10,000 random pairs survive, zeroes and high bits in front included`, () => {
    for (let i = 0; i < 10_000; i += 1) {
      const raw = randomBytes(2 * size);
      raw.fill(0, 0, i % 7);
      raw.fill(0xff, size, size + (i % 3));
      const der = ecdsaSignatureToDer(raw);
      assert.deepEqual(ecdsaSignatureFromDer(der, size), raw);
      const first = der[der[1] === 0x81 ? 5 : 4] ?? 0xff;
      assert.ok(first < 0x80, 'r is positive');
    }
  });
}

test('known encodings', () => {
  const hex = (raw: string) => ecdsaSignatureToDer(Buffer.from(raw, 'hex')).toString('hex');
  assert.equal(hex('0102'), '3006020101020102');
  assert.equal(hex('80ff'), '300802020080020200ff');
  assert.equal(hex('00010000'), '3006020101020100');
  assert.equal(hex('007f0080'), '300702017f02020080');
});

test('odd, empty and overlong input is refused; so is DER that is not strict', () => {
  assert.throws(() => ecdsaSignatureToDer(Buffer.alloc(0)), RangeError);
  assert.throws(() => ecdsaSignatureToDer(Buffer.alloc(63)), RangeError);
  assert.throws(() => ecdsaSignatureToDer(Buffer.alloc(134)), RangeError);
  for (const bad of [
    '3007020200010201',
    '300702020001020102',
    '30060201010201',
    '30060201010281',
  ]) {
    assert.throws(() => ecdsaSignatureFromDer(Buffer.from(bad, 'hex'), 1), RangeError, bad);
  }
});
