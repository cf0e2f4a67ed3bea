import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { suite, test } from 'node:test';
import { algorithm, octetString, sequence } from '../../test/support/forged-request.ts';
import { readVector } from '../../test/support/vectors.ts';
import { encode, readDer, tags } from '../der.ts';
import {
  AsymmetricKeyError,
  checkOneAsymmetricKey,
  encodeAsymmetricKeyPackage,
} from './asymmetric-key-package.ts';

const version = (value: number) => encode(tags.integer, Uint8Array.of(value));
const ed25519 = algorithm('1.3.101.112');
const secret = octetString(octetString(new Uint8Array(32)));
const publicKey = encode(0x81, new Uint8Array(33));

suite('OneAsymmetricKey', () => {
  for (const [kind, { privateKey }] of [
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['P-521', generateKeyPairSync('ec', { namedCurve: 'P-521' })],
    ['Ed25519', generateKeyPairSync('ed25519')],
  ] as const)
    test(`is what OpenSSL makes for ${kind}`, () =>
      checkOneAsymmetricKey(privateKey.export({ type: 'pkcs8', format: 'der' })));

  test('is the published example, version 2 with attributes and a public key', () =>
    checkOneAsymmetricKey(readVector('rfc5958-PrivateKey.b64')));

  for (const [what, key] of [
    ['version 2 without a public key', sequence(version(1), ed25519, secret)],
    ['version 1 with a public key', sequence(version(0), ed25519, secret, publicKey)],
    ['version 3', sequence(version(2), ed25519, secret, publicKey)],
    ['no private key', sequence(version(0), ed25519)],
    ['something after the public key', sequence(version(1), ed25519, secret, publicKey, publicKey)],
    [
      'a curve that stands only inside',
      sequence(version(0), algorithm('1.2.840.10045.2.1'), secret),
    ],
    ['a SET', encode(tags.set, version(0), ed25519, secret)],
  ] as const)
    test(`is not ${what}`, () =>
      assert.throws(() => checkOneAsymmetricKey(key), AsymmetricKeyError));
});

suite('AsymmetricKeyPackage', () => {
  test('holds the key as it is', () => {
    const key = sequence(version(0), ed25519, secret);
    const { children } = readDer(encodeAsymmetricKeyPackage(key));
    assert.deepEqual(
      children.map(({ bytes }) => Buffer.from(bytes)),
      [Buffer.from(key)],
    );
  });

  test('is encoded as in the published example', () => {
    const published = readDer(readVector('rfc5958-AsymmetricKeyPackage.b64')).children[1]
      ?.children[0];
    const keys = published?.children.map(({ bytes }) => bytes) ?? [];
    assert.equal(keys.length, 1);
    assert.deepEqual(
      Buffer.from(encodeAsymmetricKeyPackage(...keys)),
      Buffer.from(published?.bytes ?? []),
    );
  });

  test('takes no malformed key', () => {
    assert.throws(() => encodeAsymmetricKeyPackage(sequence()), AsymmetricKeyError);
  });
});
