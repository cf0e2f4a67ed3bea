import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { test } from 'node:test';
import { readDer } from '../ca/der.ts';
import { keyKinds } from '../ca/key-kinds.ts';
import { readPublicKey } from '../ca/key-rules.ts';
import { openssl } from '../test/support/est-client.ts';
import { PlatformKeyGenerator } from './platform-key-generator.ts';

const generator = new PlatformKeyGenerator();

for (const kind of keyKinds) {
  test(`${kind}: openssl finds the pair whole, and its public half may be certified`, async () => {
    const { subjectPublicKeyInfo, privateKeyInfo } = await generator.generate(kind);
    const key = Buffer.from(privateKeyInfo);
    assert.match(
      openssl(['pkey', '-inform', 'DER', '-check', '-noout'], key).toString(),
      /Key is valid/,
    );
    const half = openssl(['pkey', '-inform', 'DER', '-pubout', '-outform', 'DER'], key);
    assert.deepEqual(half, Buffer.from(subjectPublicKeyInfo));
    readPublicKey(readDer(subjectPublicKeyInfo));
    const version = readDer(privateKeyInfo).children[0];
    assert.equal(version?.content[0], 0, 'version v1 (RFC 5958 section 2)');
    const { asymmetricKeyDetails } = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
    if (kind.startsWith('RSA')) assert.equal(`RSA-${asymmetricKeyDetails?.modulusLength}`, kind);
  });
}

test('long keys wait for each other, short ones for none', async () => {
  const order: string[] = [];
  const note = (name: string) => () => void order.push(name);
  const long = ['RSA-2048', 'RSA-2048', 'RSA-2048'] as const;
  const working = long.map((kind) => generator.generate(kind).then(note(kind)));
  await generator.generate('P-256').then(note('P-256'));
  await Promise.all(working);
  assert.ok(order.indexOf('P-256') < 2, order.join());
});
