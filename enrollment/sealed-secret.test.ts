import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deriveKey, SecretSeal } from './sealed-secret.ts';

const pepper = Buffer.alloc(32, 1);
const seal = new SecretSeal(pepper, 'test');
const secret = Buffer.from('a secret');
const sealed = seal.seal(secret, 'otp-1');

describe('a sealed secret', () => {
  test('opens for its owner, also for another process with the pepper', () => {
    assert.deepEqual(seal.open(sealed, 'otp-1'), secret);
    assert.deepEqual(new SecretSeal(pepper, 'test').open(sealed, 'otp-1'), secret);
    assert.deepEqual(seal.open(seal.seal(Buffer.alloc(0), 'otp-1'), 'otp-1'), Buffer.alloc(0));
  });

  test('does not show the secret, and looks different each time', () => {
    assert.equal(sealed.indexOf(secret), -1);
    assert.notDeepEqual(seal.seal(secret, 'otp-1'), sealed);
  });

  test('opens for no other owner, pepper or context', () => {
    assert.throws(() => seal.open(sealed, 'otp-2'));
    assert.throws(() => new SecretSeal(Buffer.alloc(32, 2), 'test').open(sealed, 'otp-1'));
    assert.throws(() => new SecretSeal(pepper, 'another').open(sealed, 'otp-1'));
  });

  test('does not open when an octet of it is changed, nor when it is cut', () => {
    for (let i = 0; i < sealed.length; i++) {
      const changed = Buffer.from(sealed);
      changed[i] = (changed[i] ?? 0) ^ 1;
      assert.throws(() => seal.open(changed, 'otp-1'), `octet ${i}`);
    }
    for (let length = 0; length < sealed.length; length++)
      assert.throws(() => seal.open(sealed.subarray(0, length), 'otp-1'), `length ${length}`);
  });
});

test('keys differ by pepper and context, and are the same each time', () => {
  const keys = [deriveKey(pepper, 'a'), deriveKey(pepper, 'b'), deriveKey(Buffer.alloc(32), 'a')];
  assert.equal(new Set(keys.map((key) => key.toString('hex'))).size, 3);
  assert.deepEqual(deriveKey(pepper, 'a'), keys[0]);
  assert.equal(keys[0]?.length, 32);
});
