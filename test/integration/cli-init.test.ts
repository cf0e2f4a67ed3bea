/**
 * `bestow init`: a CA of the kind that was asked for, with which devices enroll at once; and never over another one.
 */

import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BestowServer, bestow } from '../support/bestow.ts';
import { delegatedKeyIn } from '../support/delegated-key.ts';
import { certificateOf, makeKey, openssl, post, readText } from '../support/est-client.ts';

const timeout = 60_000;
const base = join(tmpdir(), `bestow-init-${process.pid}`);
mkdirSync(base);
after(() => rmSync(base, { recursive: true, force: true }));

/** Every file and directory with its mode and content, so that any change shows. */
function snapshot(directory: string): Record<string, string> {
  const entries = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    entries.map((name) => {
      const path = join(directory, name);
      const { mode, mtimeMs } = statSync(path);
      const isFile = statSync(path).isFile();
      const content = isFile ? createHash('sha256').update(readFileSync(path)).digest('hex') : '';
      return [name, `${mode.toString(8)} ${isFile ? mtimeMs : ''} ${content}`];
    }),
  );
}

for (const [kind, shown, algorithm] of [
  ['P-384', 'ec secp384r1', 'ecdsa-with-SHA384'],
  ['RSA-3072', 'rsa 3072', 'sha256WithRSAEncryption'],
] as const)
  test(`--ca-key ${kind}, a tenant, endpoints and host names: a device enrolls`, {
    timeout,
  }, async () => {
    await using server = await BestowServer.start({
      init: [
        ...['--ca-key', kind, '--name', 'Acme', '--tenant', 'acme'],
        ...['--hostname', 'est.acme.example', '--hostname', '192.0.2.7'],
        ...['--endpoint', 'https://second.example/'],
      ],
    });
    const issuing = await server.json<Record<string, string>>('ca', 'show', 'issuing');
    assert.equal(issuing.key, shown);
    assert.equal(issuing.subject, 'commonName=Acme Issuing CA');

    const tls = new X509Certificate(readText(join(server.data, 'tls', 'server.pem')));
    assert.equal(tls.checkHost('est.acme.example'), 'est.acme.example');
    assert.equal(tls.checkIP('192.0.2.7'), '192.0.2.7');
    assert.equal(tls.checkHost('localhost'), 'localhost');

    const password = await server.password('device', '--tenant', 'acme');
    const url = `${server.est}/acme/simpleenroll`;
    const answer = await post(url, server.root, makeKey().request('/CN=device'), {
      user: 'device',
      password,
    });
    const pem = certificateOf(answer);
    const text = openssl(['x509', '-noout', '-text'], pem).toString();
    assert.match(text, new RegExp(`Signature Algorithm: ${algorithm}`));
    const der = new X509Certificate(pem).raw.toString('latin1');
    for (const endpoint of ['mqtts://broker.example:8883', 'https://second.example/'])
      assert.ok(der.includes(endpoint), endpoint);
    const device = join(server.data, 'device.pem');
    writeFileSync(device, pem);
    const intermediate = join(server.data, 'ca', 'issuing.pem');
    const verify = ['verify', '-x509_strict', '-CAfile', server.rootFile];
    openssl([...verify, '-purpose', 'sslclient', '-untrusted', intermediate, device]);

    const made = (await delegatedKeyIn(server.data, 'cmc')) ?? assert.fail('there is no CMC key');
    const cmc = join(server.data, 'cmc.pem');
    writeFileSync(cmc, made.pem);
    openssl([...verify, '-untrusted', intermediate, cmc]);
    const responder = new X509Certificate(readText(cmc));
    assert.equal(responder.subject, 'CN=Acme CMC');
    assert.deepEqual(responder.keyUsage, ['1.3.6.1.5.5.7.3.27'], 'id-kp-cmcCA and no other');
    const usage = openssl(['x509', '-noout', '-ext', 'keyUsage,basicConstraints', '-in', cmc]);
    assert.match(usage.toString(), /CA:FALSE[\s\S]*critical\n +Digital Signature\n/);
    assert.ok(
      new Date(responder.validTo) <= new Date(new X509Certificate(readText(intermediate)).validTo),
    );
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = responder.publicKey;
    assert.equal(`${type} ${details?.namedCurve ?? details?.modulusLength}`, shown);
  });

test('an initialised directory is refused and stays as it is, byte for byte', {
  timeout,
}, async () => {
  const data = join(base, 'twice');
  const first = await bestow('init', '--data', data, '--json');
  assert.equal(first.exitCode, 0, first.stderr);
  const { directory, tenant, fingerprint } = JSON.parse(first.stdout);
  assert.deepEqual([directory, tenant], [data, 'default']);
  const root = new X509Certificate(readText(join(data, 'ca', 'root.pem')));
  assert.equal(fingerprint, root.fingerprint256);

  const before = snapshot(data);
  const again = await bestow('init', '--data', data);
  assert.equal(again.exitCode, 5);
  assert.match(again.stderr, /initialised already.*nothing was changed/);
  assert.deepEqual(snapshot(data), before);

  // One file of the many is reason enough.
  rmSync(join(data, 'bestow.yaml'));
  const partly = snapshot(data);
  assert.equal((await bestow('init', '--data', data)).exitCode, 5);
  assert.deepEqual(snapshot(data), partly);
});

test('what is secret can be read by its owner only', { timeout }, async () => {
  const data = join(base, 'modes');
  assert.equal((await bestow('init', '--data', data)).exitCode, 0);
  const modeOf = (...path: string[]) => statSync(join(data, ...path)).mode & 0o777;
  for (const name of ['', 'secrets', 'hsm', 'tls', 'run', 'ca'])
    assert.equal(modeOf(name), 0o700, name);
  for (const name of readdirSync(join(data, 'secrets')))
    assert.equal(modeOf('secrets', name), 0o600, name);
  assert.equal(modeOf('tls', 'server-key.pem'), 0o600);
  assert.equal(modeOf('bestow.yaml'), 0o600);
});

test('init that fails leaves nothing behind, and what was there before untouched', {
  timeout,
}, async () => {
  const pinFile = join(base, 'pin');
  writeFileSync(pinFile, 'a-pin\n', { mode: 0o600 });
  const noModule = ['--module', join(base, 'no-library.so'), '--pin-file', pinFile];
  const fresh = join(base, 'fresh');
  const { exitCode, stderr } = await bestow('init', '--data', fresh, ...noModule);
  assert.notEqual(exitCode, 0);
  assert.match(stderr, /no-library\.so/);
  assert.throws(() => statSync(fresh), /ENOENT/);

  const used = join(base, 'used');
  mkdirSync(used);
  writeFileSync(join(used, 'notes.txt'), 'mine');
  const before = snapshot(used);
  assert.notEqual((await bestow('init', '--data', used, ...noModule)).exitCode, 0);
  assert.deepEqual(snapshot(used), before);
});

test('a library that cannot be loaded is exit code 7', {
  timeout,
}, async () => {
  const pinFile = join(base, 'pin');
  const noModule = ['--module', join(base, 'no-library.so'), '--pin-file', pinFile];
  assert.equal((await bestow('init', '--data', join(base, 'fresh'), ...noModule)).exitCode, 7);
});

test('init without a PIN for a token that exists asks for it', { timeout }, async () => {
  const data = join(base, 'no-pin');
  const { exitCode, stderr } = await bestow('init', '--data', data, '--module', '/no/library.so');
  assert.equal(exitCode, 2);
  assert.match(stderr, /--pin-file.*BESTOW_PIN/);
  assert.throws(() => statSync(data), /ENOENT/);
});
