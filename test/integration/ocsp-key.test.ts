/**
 * The key that signs OCSP answers: made, replaced, renewed in time, and what the server does with and without it.
 */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { BestowServer } from '../support/bestow.ts';
import { changeDelegatedKey, delegatedKeyIn } from '../support/delegated-key.ts';
import {
  certificateOf,
  makeKey,
  openssl,
  post,
  readText,
  withFile,
} from '../support/est-client.ts';
import { keyIdentifierOf } from '../support/key-identifier.ts';

const timeout = 60_000;
const status = { listen: '127.0.0.1:0', url: 'http://pki.example/bestow' };
const server = await BestowServer.init();
after(() => server[Symbol.asyncDispose]());

const statusUrl = join(server.data, 'run', 'status.url');
const issuing = join(server.data, 'ca', 'issuing.pem');
const id = keyIdentifierOf(readText(issuing));
const warning = /there is no key for OCSP: it is off until `bestow ca ocsp-key` has made it/;
await changeDelegatedKey(server.data, 'ocsp', undefined);

interface Made {
  readonly subject: string;
  readonly serialNumber: string;
  readonly pem: string;
}

function configure(change: (config: Record<string, Record<string, unknown>>) => void): void {
  const file = join(server.data, 'bestow.yaml');
  const config = parse(readFileSync(file, 'utf8'));
  change(config);
  writeFileSync(file, stringify(config));
}

async function enroll(device: string): Promise<X509Certificate> {
  const password = await server.password(device);
  const request = makeKey().request(`/CN=${device}`);
  const options = { user: device, password };
  const answer = await post(`${server.est}/simpleenroll`, server.root, request, options);
  return new X509Certificate(certificateOf(answer));
}

const get = (path: string) => fetch(`${readText(statusUrl).trim()}${path}`);

/** What was logged since the start of the server, which runs while `work` does. */
async function whileServing(work: () => Promise<void>): Promise<string> {
  const before = server.log.length;
  await server.start();
  await work();
  await server.stop();
  return server.log.slice(before);
}

test('without a status stanza nothing is served, lent or said of it', { timeout }, async () => {
  const log = await whileServing(async () => {
    assert.equal(existsSync(statusUrl), false);
    const { infoAccess, raw } = await enroll('silent');
    assert.equal(infoAccess, undefined);
    const text = openssl(['x509', '-inform', 'DER', '-noout', '-text'], raw).toString();
    assert.doesNotMatch(text, /CRL Distribution/);
  });
  assert.doesNotMatch(log, warning);
  assert.doesNotMatch(log, /status is served/);
});

test('without the key all but OCSP is served, and certificates do not name it', {
  timeout,
}, async () => {
  configure((config) => Object.assign(config, { status }));
  const { stdout, exitCode } = await server.cli('check-config');
  assert.equal(exitCode, 0);
  assert.match(
    stdout,
    /ok {7}OCSP certificates: .*has none; `bestow ca ocsp-key --issuer main` makes/,
  );
  const log = await whileServing(async () => {
    assert.equal((await get('/ocsp')).status, 404);
    assert.equal((await get(`/crl/${id}.crl`)).status, 200);
    const { infoAccess } = await enroll('without-ocsp');
    assert.equal(infoAccess, `CA Issuers - URI:http://pki.example/bestow/ca/${id}.cer`);
  });
  assert.match(log, warning);
});

test('the command makes key and certificate, once', { timeout }, async () => {
  const made = await server.json<Made>('ca', 'ocsp-key', '--replace');
  assert.equal((await delegatedKeyIn(server.data, 'ocsp'))?.pem, made.pem);
  assert.match(made.subject, /^commonName=Bestow [0-9A-F]{6} OCSP$/);
  const verify = ['verify', '-x509_strict', '-purpose', 'ocsphelper', '-CAfile', server.rootFile];
  withFile(made.pem, (file) => openssl([...verify, '-untrusted', issuing, file]));
  const again = await server.cli('ca', 'ocsp-key');
  assert.equal(again.exitCode, 5);
  assert.match(again.stderr, /There is a key main-1-ocsp already; --replace/);
  const shown = await server.json<Record<string, string>>('cert', 'show', made.serialNumber);
  assert.equal(shown.profile, 'ocsp-responder');
  const log = await whileServing(async () => {
    const { infoAccess } = await enroll('with-ocsp');
    assert.match(infoAccess ?? '', /^OCSP - URI:http:\/\/pki\.example\/bestow\/ocsp\n/);
    // Without a request in it.
    const { status: answered, headers } = await get('/ocsp');
    assert.equal(answered, 200);
    assert.equal(headers.get('content-type'), 'application/ocsp-response');
  });
  assert.doesNotMatch(log, warning);
  assert.equal(existsSync(statusUrl), false, 'it goes with the server');
});

test('--replace revokes the certificate of the old key', { timeout }, async () => {
  const { pem } = (await delegatedKeyIn(server.data, 'ocsp')) ?? assert.fail('there is none');
  const old = new X509Certificate(pem);
  const made = await server.json<Made>('ca', 'ocsp-key', '--replace');
  assert.ok(!new X509Certificate(made.pem).publicKey.equals(old.publicKey));
  const serial = old.serialNumber.toLowerCase();
  const shown = await server.json<{ status: string }>('cert', 'show', serial);
  assert.equal(shown.status, 'revoked');
});

test('a certificate that is not fit for OCSP refuses the start', { timeout }, async () => {
  const { certificate } = (await delegatedKeyIn(server.data, 'ocsp')) ?? assert.fail();
  const cmc = (await delegatedKeyIn(server.data, 'cmc')) ?? assert.fail();
  await changeDelegatedKey(server.data, 'ocsp', { certificate: cmc.certificate });
  await assert.rejects(server.start(), /does not say id-kp-OCSPSigning/);
  const { exitCode, stdout } = await server.cli('check-config');
  assert.equal(exitCode, 1);
  assert.match(stdout, /PROBLEM {2}OCSP certificates: .*does not say id-kp-OCSPSigning/);
  await changeDelegatedKey(server.data, 'ocsp', { certificate });
});

test('the configuration keeps addresses to plain http', { timeout }, async () => {
  for (const url of [
    'https://pki.example',
    'http://pki.example/',
    'http://a b',
    'http://pki.example?x',
    'ldap://x',
  ]) {
    configure((config) => Object.assign(config.status ?? {}, { url }));
    const { exitCode, stderr } = await server.cli('check-config');
    assert.notEqual(exitCode, 0, url);
    assert.match(stderr, /status\.url: must be an http address/, url);
  }
});
