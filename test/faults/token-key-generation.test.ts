/**
 * Key pairs made in the token for devices, through a real signer process: they must not keep signatures waiting, and
 * nothing of them may stay behind. Real SoftHSM, real processes.
 */

import assert from 'node:assert/strict';
import { createPrivateKey, randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SignerUnavailable } from '../../ca/signer.ts';
import { RemoteKeyGenerator } from '../../hsm/key-generator-connection.ts';
import { fromSpki } from '../../hsm/public-key.ts';
import { signatureVerifies } from '../../hsm/signature-algorithm.ts';
import { connectSigner } from '../../hsm/signer-connection.ts';
import { superviseSigner } from '../../hsm/signer-supervisor.ts';
import { openssl } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';
import { fixtureToken } from '../support/softhsm-fixture.ts';

const timeout = 60_000;
const fixture = fixtureToken();
// A signature by RSA takes long enough to be made on a thread, of which there is one for each session.
const key = await fixture.addKey('RSA-3072', 'issuing');
const logged: string[] = [];
const supervisor = await superviseSigner(
  { ...fixture.config, sessions: 1 },
  {
    keys: [key],
    pinRefused: fixture.pinRefused,
    log: (...entry) => logged.push(JSON.stringify(entry)),
  },
);
const { socketPath } = supervisor;
const signer = connectSigner({ ...key, socketPath });
const generator = new RemoteKeyGenerator({ socketPath });
after(async () => {
  signer.close();
  await supervisor.stop();
  fixture.remove();
});

const storedFiles = () =>
  readdirSync(join(fixture.directory, 'tokens'), { recursive: true, encoding: 'utf8' }).sort();

/** What would give a key away, in the writings a log could have. */
function traces(privateKeyInfo: Uint8Array): string[] {
  const der = Buffer.from(privateKeyInfo);
  const { d = '' } = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({
    format: 'jwk',
  });
  const secret = Buffer.from(d, 'base64url');
  return [secret, der.subarray(-24)].flatMap((bytes) =>
    (['hex', 'base64', 'base64url', 'latin1'] as const).map((writing) => bytes.toString(writing)),
  );
}

test('keys of every family come whole; the token and the log keep nothing of them', {
  timeout,
}, async () => {
  const before = storedFiles();
  for (const kind of ['P-256', 'Ed25519', 'RSA-2048'] as const) {
    const { subjectPublicKeyInfo, privateKeyInfo } = await generator.generate(kind);
    const check = openssl(['pkey', '-inform', 'DER', '-check', '-noout'], privateKeyInfo);
    assert.match(check.toString(), /Key is valid/);
    const half = openssl(['pkey', '-inform', 'DER', '-pubout', '-outform', 'DER'], privateKeyInfo);
    assert.deepEqual(half, subjectPublicKeyInfo);
    const log = logged.join('\n');
    assert.ok(log.includes('signer is up'), 'there was something to look at');
    for (const trace of traces(privateKeyInfo)) assert.ok(!log.includes(trace), kind);
  }
  assert.deepEqual(storedFiles(), before);
});

test('long generations keep no signature waiting', { timeout }, async () => {
  const began = performance.now();
  const generating = Promise.all([generator.generate('RSA-4096'), generator.generate('RSA-4096')]);
  // The first may come before the generations have begun.
  for (let i = 0; i < 4; i += 1) {
    const message = randomBytes(300);
    const signature = await signer.sign(message);
    assert.ok(signatureVerifies(key.algorithm, fromSpki(key.publicKey), message, signature));
  }
  const signed = performance.now() - began;
  await generating;
  const generated = performance.now() - began;
  // Behind them on the same thread it would have come when they were done.
  assert.ok(signed < generated / 2, `signed after ${signed} ms, generated after ${generated} ms`);
});

test('a process that dies takes its generations along; the next one makes keys again', {
  timeout,
}, async () => {
  const { pid = 0 } = supervisor;
  process.kill(pid, 'SIGSTOP');
  const lost = generator.generate('RSA-4096');
  process.kill(pid, 'SIGKILL');
  await assert.rejects(lost, SignerUnavailable);
  await eventually(() => supervisor.state.status === 'up' && supervisor.pid !== pid, {
    timeout: 20_000,
  });
  assert.ok((await generator.generate('P-384')).privateKeyInfo.length > 0);
});
