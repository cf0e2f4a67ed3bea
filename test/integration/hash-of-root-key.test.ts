/** RFC 8649: each root names the key of the next one, and only that key can follow. */

import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { after, test } from 'node:test';
import type { CaState } from '../../ca/ca-state.ts';
import { extensionOf, readCertificate } from '../../ca/certificate.ts';
import { readDer } from '../../ca/der.ts';
import { withStores } from '../../cli/data.ts';
import { BestowServer } from '../support/bestow.ts';

const timeout = 60_000;
const server = await BestowServer.init({ init: ['--hash-of-next-root'] });
after(() => server[Symbol.asyncDispose]());

const state = () =>
  withStores({ data: server.data }, async ({ caState }) => (await caState.load()).state);

function named(certificate: string): string {
  const extension = extensionOf(
    readCertificate(Buffer.from(certificate, 'base64')),
    'id-ce-hashOfRootKey',
  );
  assert.ok(extension, 'the root names no other');
  return Buffer.from(readDer(extension.value).children[1]?.content ?? []).toString('hex');
}

const hashOf = (publicKey = '') =>
  createHash('sha256').update(Buffer.from(publicKey, 'base64')).digest('hex');

const keysOf = ({ root }: CaState) => root?.keys ?? [];

test('init names the key of the root after', { timeout }, async () => {
  const now = await state();
  assert.equal(now.root?.prepared?.label, 'root-2');
  assert.equal(named(keysOf(now)[0]?.certificate ?? ''), hashOf(now.root?.prepared?.publicKey));
});

test('another kind of key would break the promise', { timeout }, async () => {
  const { exitCode, stderr } = await server.cli(
    ...['ca', 'rollover', 'start', '--root', '--key-type', 'RSA-3072'],
  );
  assert.equal(exitCode, 2);
  assert.match(stderr, /names its successor already, a P-384 key/);
});

test('the promised key follows, and names the one after it', { timeout }, async () => {
  const promised = (await state()).root?.prepared;
  await server.json('ca', 'rollover', 'start', '--root');
  await server.json('ca', 'rollover', 'activate', '--root');
  const now = await state();
  const [, second] = keysOf(now);
  assert.equal(second?.publicKey, promised?.publicKey);
  assert.equal(now.root?.prepared?.label, 'root-3');
  assert.equal(named(second?.certificate ?? ''), hashOf(now.root?.prepared?.publicKey));
  const shown = new X509Certificate(server.root);
  assert.ok(shown.verify(shown.publicKey));
  // Each certificate that the roots signed is in the audit log, and each key has its own.
  assert.equal(new Set(keysOf(now).map(({ publicKey }) => publicKey)).size, 2);
});
