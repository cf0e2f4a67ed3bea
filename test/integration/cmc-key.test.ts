/**
 * The key that signs CMC answers: the server goes on without it, `bestow ca cmc-key` makes it beside the running server, and
 * nothing unfit takes its place.
 */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BestowServer } from '../support/bestow.ts';
import { changeDelegatedKey, delegatedKeyIn } from '../support/delegated-key.ts';
import { call, openssl, readText, withFile } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';

const timeout = 60_000;
const server = await BestowServer.init();
after(() => server[Symbol.asyncDispose]());

const first = (await delegatedKeyIn(server.data, 'cmc')) ?? assert.fail('init made none');

interface Made {
  readonly subject: string;
  readonly serialNumber: string;
  readonly pem: string;
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
const cmcAt = async () => {
  const answer = await call(`${server.est}/fullcmc`, server.root, {
    method: 'POST',
    body: 'MAA=',
    headers: { 'Content-Type': 'application/pkcs7-mime' },
  });
  return answer.status;
};

test('without the key the server starts, serves, and says what is off', { timeout }, async () => {
  await changeDelegatedKey(server.data, 'cmc', undefined);
  const { stdout, exitCode } = await server.cli('check-config');
  assert.equal(exitCode, 0);
  assert.match(
    stdout,
    /ok {7}CMC certificates: .*has none; `bestow ca cmc-key --issuer main` makes/,
  );
  await server.start();
  assert.match(server.log, warning);
  assert.equal((await call(`${server.est}/cacerts`, server.root)).status, 200);
  assert.equal(await cmcAt(), 404);
});

test('a key without its certificate counts as one that is there', { timeout }, async () => {
  const { exitCode, stderr } = await server.cli('ca', 'cmc-key');
  assert.equal(exitCode, 5);
  assert.match(stderr, /There is a key main-1-cmc already; --replace/);
  const replace = await server.cli('ca', 'cmc-key', '--replace');
  assert.equal(replace.exitCode, 5);
  assert.match(replace.stderr, /A server already runs/);
  await server.stop();
});

test('the command makes key and certificate, once', { timeout }, async () => {
  const made = await server.json<Made>('ca', 'cmc-key', '--replace');
  assert.equal((await delegatedKeyIn(server.data, 'cmc'))?.pem, made.pem);
  assert.match(made.subject, /^commonName=Bestow [0-9A-F]{6} CMC$/);
  assert.deepEqual(new X509Certificate(made.pem).keyUsage, ['1.3.6.1.5.5.7.3.27']);
  const issuing = join(server.data, 'ca', 'issuing.pem');
  const verify = ['verify', '-x509_strict', '-CAfile', server.rootFile, '-untrusted', issuing];
  withFile(made.pem, (file) => openssl([...verify, file]));
  const shown = await server.json<Record<string, string>>('cert', 'show', made.serialNumber);
  assert.match(shown.credential ?? '', /^operator:/);
  assert.equal(shown.profile, 'cmc-responder');
  const before = server.log.length;
  await server.start();
  assert.doesNotMatch(server.log.slice(before), warning);
  assert.equal(await cmcAt(), 400);
});

test('a running server follows: a key that is gone, and one that comes', { timeout }, async () => {
  const now = (await delegatedKeyIn(server.data, 'cmc')) ?? assert.fail('there is none');
  await changeDelegatedKey(server.data, 'cmc', undefined);
  await eventually(async () => (await cmcAt()) === 404);
  const { pem: _, ...key } = now;
  await changeDelegatedKey(server.data, 'cmc', key);
  await eventually(async () => (await cmcAt()) === 400);
  await server.stop();
});

test('--replace makes another key and revokes the certificate of the old one', {
  timeout,
}, async () => {
  const { pem } = await server.json<Made>('ca', 'cmc-key', '--replace');
  const old = new X509Certificate(pem);
  const made = await server.json<Made>('ca', 'cmc-key', '--replace');
  assert.equal((await delegatedKeyIn(server.data, 'cmc'))?.pem, made.pem);
  assert.ok(!new X509Certificate(made.pem).publicKey.equals(old.publicKey));
  assert.equal(await statusOf(old.serialNumber.toLowerCase()), 'revoked');
  assert.equal(await statusOf(made.serialNumber), 'valid');
});

test('a key that is missing or another one refuses the start and names both', {
  timeout,
}, async () => {
  await changeDelegatedKey(server.data, 'cmc', { label: 'nowhere' });
  assert.match(
    await refusalToStart(),
    /no private key labelled nowhere \(key nowhere, certificate the CMC certificate of the issuer main/,
  );
  await changeDelegatedKey(server.data, 'cmc', {
    label: 'main-1-ocsp',
    publicKey: first.publicKey,
  });
  assert.match(await refusalToStart(), /main-1-ocsp/);
  await changeDelegatedKey(server.data, 'cmc', { label: 'main-1-cmc' });
  await server.json<Made>('ca', 'cmc-key', '--replace');
});

test('a certificate that is not fit for CMC refuses the start', { timeout }, async () => {
  const { certificate } = (await delegatedKeyIn(server.data, 'cmc')) ?? assert.fail();
  const tls = new X509Certificate(readText(join(server.data, 'tls', 'server.pem')));
  await changeDelegatedKey(server.data, 'cmc', { certificate: tls.raw.toString('base64') });
  assert.match(await refusalToStart(), /does not say id-kp-cmcCA/);
  const { exitCode, stdout } = await server.cli('check-config');
  assert.equal(exitCode, 1);
  assert.match(stdout, /PROBLEM {2}CMC certificates: .*does not say id-kp-cmcCA/);
  await changeDelegatedKey(server.data, 'cmc', { certificate });
});

test('a key that signs certificates is never replaced', { timeout }, async () => {
  const { label } = (await delegatedKeyIn(server.data, 'cmc')) ?? assert.fail();
  for (const signs of ['main-1', 'root-1']) {
    await changeDelegatedKey(server.data, 'cmc', { label: signs });
    const { exitCode, stderr } = await server.cli('ca', 'cmc-key', '--replace');
    assert.notEqual(exitCode, 0);
    assert.match(
      stderr,
      new RegExp(`${signs} is a key that signs certificates; it is not replaced`),
    );
  }
  await changeDelegatedKey(server.data, 'cmc', { label });
  await server.start();
  await server.stop();
});
