import assert from 'node:assert/strict';
import { createHash, createPublicKey } from 'node:crypto';
import { test } from 'node:test';
import { makeKey, openssl, withFile } from '../test/support/est-client.ts';
import { publicKeyDigestOf } from './public-key-digest.ts';

for (const kind of ['P-256', 'RSA-2048', 'Ed25519'] as const)
  test(`the key of every file over a key: ${kind}`, () => {
    const { key } = makeKey(kind);
    const info = createPublicKey(key).export({ type: 'spki', format: 'der' });
    const digest = createHash('sha256').update(info).digest('hex');
    const certificate = withFile(key, (file) =>
      openssl(['req', '-x509', '-new', '-key', file, '-subj', '/CN=any']),
    );
    const forms: Record<string, string | Uint8Array> = {
      certificate,
      'certificate, DER': openssl(['x509', '-outform', 'DER'], certificate),
      'private key': key,
      'private key, DER': openssl(['pkey', '-outform', 'DER'], key),
      'public key': openssl(['pkey', '-pubout'], key),
      'public key, DER': info,
      // Ed25519 has no other form.
      'traditional form': kind === 'Ed25519' ? key : openssl(['pkey', '-traditional'], key),
      'traditional form, DER':
        kind === 'Ed25519' ? key : openssl(['pkey', '-traditional', '-outform', 'DER'], key),
    };
    for (const [form, content] of Object.entries(forms))
      assert.equal(withFile(content, publicKeyDigestOf), digest, form);
  });

test('a digest, with or without colons', () => {
  assert.equal(publicKeyDigestOf('AB'.repeat(32)), 'ab'.repeat(32));
  assert.equal(publicKeyDigestOf(Array(32).fill('AB').join(':')), 'ab'.repeat(32));
});

test('anything else is refused', () => {
  const { key } = makeKey();
  const locked = openssl(['pkcs8', '-topk8', '-v2', 'aes-256-cbc', '-passout', 'pass:x'], key);
  for (const content of [locked, '', 'no key'])
    assert.throws(() => withFile(content, publicKeyDigestOf), /without a password/);
  for (const text of ['nothing', '.', 'ab'.repeat(31)])
    assert.throws(() => publicKeyDigestOf(text), /neither a SHA-256 digest/);
});
