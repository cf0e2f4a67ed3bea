import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { suite, test } from 'node:test';
import { openssl, withFile } from '../../test/support/est-client.ts';
import { spkiOf } from '../../test/support/forged-request.ts';
import { readCertificate } from '../certificate.ts';
import { Refusal } from '../refusal.ts';
import { mayReceiveKeys, readRecipientKey } from './recipient-key.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });

suite('keys that can receive keys', () => {
  for (const [pair, kind, strength] of [
    [rsa, 'RSA', 128],
    [p256, 'P-256', 128],
    [generateKeyPairSync('ec', { namedCurve: 'P-384' }), 'P-384', 192],
    [generateKeyPairSync('ec', { namedCurve: 'P-521' }), 'P-521', 256],
    [generateKeyPairSync('x25519'), 'X25519', 128],
  ] as const)
    test(`${kind} is worth ${strength} bits`, () => {
      const key = readRecipientKey(spkiOf(pair.publicKey));
      assert.deepEqual([key.kind, key.strength], [kind, strength]);
    });

  test('X25519 in any other encoding is none', () => {
    const spki = Buffer.from(spkiOf(generateKeyPairSync('x25519').publicKey));
    assert.throws(() => readRecipientKey(Buffer.concat([spki, Buffer.alloc(1)])), Refusal);
  });

  for (const [what, spki] of [
    ['Ed25519, which only signs', spkiOf(generateKeyPairSync('ed25519').publicKey)],
    ['RSA-1024', spkiOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey)],
    ['another curve', spkiOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey)],
    ['nothing', new Uint8Array()],
  ] as const)
    test(`not ${what}`, () =>
      assert.throws(
        () => readRecipientKey(spki),
        (error) => error instanceof Refusal && error.code === 'unsupported-key',
      ));
});

suite('certificates that let their key receive keys', () => {
  for (const [pair, usage, allowed] of [
    [rsa, undefined, true],
    [rsa, 'keyEncipherment', true],
    [rsa, 'digitalSignature,keyEncipherment', true],
    [rsa, 'digitalSignature', false],
    [rsa, 'keyAgreement', false],
    [p256, undefined, true],
    [p256, 'keyAgreement', true],
    [p256, 'digitalSignature', false],
    [p256, 'keyEncipherment', false],
  ] as const)
    test(`${pair.publicKey.asymmetricKeyType} with ${usage ?? 'no keyUsage'}: ${allowed}`, () => {
      const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' });
      const der = withFile(key, (file) =>
        openssl([
          ...['req', '-x509', '-new', '-key', file, '-subj', '/CN=device', '-outform', 'DER'],
          ...(usage ? ['-addext', `keyUsage=${usage}`] : []),
        ]),
      );
      assert.equal(
        mayReceiveKeys(readCertificate(der), readRecipientKey(spkiOf(pair.publicKey))),
        allowed,
      );
    });
});
