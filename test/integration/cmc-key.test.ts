/**
 * The key that signs CMC answers, in a data directory made before there was one: the server goes on without it,
 * `bestow ca cmc-key` makes it, and nothing unfit takes its place.
 */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { BestowServer } from '../support/bestow.ts';
import { call, openssl, readText } from '../support/est-client.ts';

const timeout = 60_000;
const server = await BestowServer.init({
  configure: ({ hsm = {} }) => Object.assign(hsm, { cmcKey: 'second' }),
});
after(() => server[Symbol.asyncDispose]());

const certificate = join(server.data, 'ca', 'cmc.pem');
rmSync(certificate);

interface Made {
  readonly subject: string;
  readonly serialNumber: string;
  readonly pem: string;
}

function configure(cmcKey: string): void {
  const file = join(server.data, 'bestow.yaml');
  const config = parse(readFileSync(file, 'utf8'));
  config.hsm.cmcKey = cmcKey;
  writeFileSync(file, stringify(config));
}

async function statusOf(serialNumber: string): Promise<string> {
  const { status } = await server.json<{ status: string }>('cert', 'show', serialNumber);
  return status;
}

/** The server's last words, when it does not start. */
async function refusalToStart(): Promise<string> {
  const error = await server.start().then(
    () => assert.fail('it started'),
    (reason: Error) => reason,
  );
  return error.message;
}

const warning = /\/fullcmc and encrypted \/serverkeygen are off until `bestow ca cmc-key`/;

test('without the key the server starts, serves, and says what is off', { timeout }, async () => {
  const { stdout, exitCode } = await server.cli('check-config');
  assert.equal(exitCode, 0);
  assert.match(stdout, /ok {7}CMC certificate: none yet; `bestow ca cmc-key` makes /);
  await server.start();
  assert.match(server.log, warning);
  assert.equal((await call(`${server.est}/cacerts`, server.root)).status, 200);
});

test('the command makes key and certificate beside the running server, once', {
  timeout,
}, async () => {
  const made = await server.json<Made>('ca', 'cmc-key');
  assert.equal(readText(certificate), made.pem);
  assert.match(made.subject, /^commonName=Bestow [0-9A-F]{6} CMC$/);
  assert.deepEqual(new X509Certificate(made.pem).keyUsage, ['1.3.6.1.5.5.7.3.27']);
  const issuing = join(server.data, 'ca', 'issuing.pem');
  const verify = ['verify', '-x509_strict', '-CAfile', server.rootFile, '-untrusted', issuing];
  openssl([...verify, certificate]);
  const shown = await server.json<Record<string, string>>('cert', 'show', made.serialNumber);
  assert.match(shown.credential ?? '', /^operator:/);
  assert.equal(shown.profile, 'cmc-responder');

  const again = await server.cli('ca', 'cmc-key');
  assert.equal(again.exitCode, 5);
  assert.match(again.stderr, /There is a key second already; --replace/);
  const replace = await server.cli('ca', 'cmc-key', '--replace');
  assert.equal(replace.exitCode, 5);
  assert.match(replace.stderr, /A server already runs/);
  assert.equal(readText(certificate), made.pem);

  await server.stop();
  const before = server.log.length;
  await server.start();
  assert.doesNotMatch(server.log.slice(before), warning);
  await server.stop();
});

test('--replace makes another key and revokes the certificate of the old one', {
  timeout,
}, async () => {
  const old = new X509Certificate(readText(certificate));
  const made = await server.json<Made>('ca', 'cmc-key', '--replace');
  assert.equal(readText(certificate), made.pem);
  assert.ok(!new X509Certificate(made.pem).publicKey.equals(old.publicKey));
  assert.equal(await statusOf(old.serialNumber.toLowerCase()), 'revoked');
  assert.equal(await statusOf(made.serialNumber), 'valid');
});

test('a key without its certificate counts as one that is there', { timeout }, async () => {
  renameSync(certificate, `${certificate}.away`);
  const { exitCode } = await server.cli('ca', 'cmc-key');
  renameSync(`${certificate}.away`, certificate);
  assert.equal(exitCode, 5);
});

test('a key that is missing or another one refuses the start and names both', {
  timeout,
}, async () => {
  configure('nowhere');
  const missing = /no private key labelled nowhere \(key nowhere, certificate [^)]*ca\/cmc\.pem\)/;
  assert.match(await refusalToStart(), missing);
  configure('cmc');
  const other = /not the one in the certificate \(key cmc, certificate [^)]*ca\/cmc\.pem\)/;
  assert.match(await refusalToStart(), other);
  configure('second');
});

test('a certificate that is not fit for CMC refuses the start', { timeout }, async () => {
  const away = `${certificate}.away`;
  renameSync(certificate, away);
  try {
    copyFileSync(join(server.data, 'tls', 'server.pem'), certificate);
    assert.match(await refusalToStart(), /does not say id-kp-cmcCA/);
    const { exitCode, stdout } = await server.cli('check-config');
    assert.equal(exitCode, 1);
    assert.match(stdout, /PROBLEM {2}CMC certificate: .*does not say id-kp-cmcCA/);
  } finally {
    renameSync(away, certificate);
  }
});

test('a key that signs certificates is never replaced', { timeout }, async () => {
  configure('issuing');
  const { exitCode, stderr } = await server.cli('ca', 'cmc-key', '--replace');
  assert.notEqual(exitCode, 0);
  assert.match(stderr, /hsm\.cmcKey: must not be the key that signs certificates/);
  configure('root');
  const root = await server.cli('ca', 'cmc-key', '--replace');
  assert.notEqual(root.exitCode, 0);
  assert.match(root.stderr, /root is a key that signs certificates; it is not replaced/);
  configure('second');
  await server.start();
  await server.stop();
});
