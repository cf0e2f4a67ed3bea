/**
 * Relying parties ask for status: OpenSSL, GnuTLS and curl against a real server with two workers.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { BestowServer } from '../support/bestow.ts';
import { delegatedKeyIn } from '../support/delegated-key.ts';
import { certificateOf, makeKey, openssl, post, readText } from '../support/est-client.ts';
import { keyIdentifierOf } from '../support/key-identifier.ts';

const run = promisify(execFile);
const timeout = 60_000;
const server = await BestowServer.start({
  configure: (config) => {
    Object.assign(config.est ?? {}, { workers: 2 });
    config.status = { listen: '127.0.0.1:0', url: 'http://pki.example' };
    // GnuTLS 3.7 cannot read certificates with an arc of 128 bits; this one is for documentation (RFC 5612).
    Object.assign(config, { endpointArc: '1.3.6.1.4.1.32473.1' });
  },
});
const directory = mkdtempSync(join(tmpdir(), 'bestow-status-'));
after(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});
const at = (name: string) => join(directory, name);

const url = readText(join(server.data, 'run', 'status.url')).trim();
const issuing = join(server.data, 'ca', 'issuing.pem');
/** Names of the CA's certificates in the paths. */
const [id, rootId] = [issuing, server.rootFile].map((file) => keyIdentifierOf(readText(file)));
/** Files of devices' certificates, PEM. */
const [lasting, shortLived, third] = [at('lasting.pem'), at('short-lived.pem'), at('third.pem')];

before(async () => {
  const passwords = await server.passwords(['lasting', 'short-lived', 'third']);
  for (const [device, password] of Object.entries(passwords)) {
    const request = makeKey().request(`/CN=${device}`);
    const answer = await post(`${server.est}/simpleenroll`, server.root, request, {
      user: device,
      password,
    });
    writeFileSync(at(`${device}.pem`), certificateOf(answer));
  }
});

const serialOf = (file: string) => new X509Certificate(readText(file)).serialNumber;

async function revoke(file: string): Promise<void> {
  const serial = serialOf(file).toLowerCase();
  const { exitCode, stderr } = await server.cli(
    'cert',
    'revoke',
    serial,
    '--reason',
    'keyCompromise',
  );
  assert.equal(exitCode, 0, stderr);
}

/** What a program writes to either stream, also when it fails. */
async function output(program: string, ...args: string[]): Promise<string> {
  const pending = run(program, args, { timeout: 20_000 });
  pending.child.stdin?.end();
  const { stdout, stderr } = await pending.catch(
    (failure: { stdout: string; stderr: string }) => failure,
  );
  return `${stdout}${stderr}`;
}

/** `openssl ocsp`, which trusts the root alone. @param about `-cert FILE` or `-serial NUMBER`, with a hash before it */
const ask = (...about: string[]) =>
  output(
    'openssl',
    ...['ocsp', '-url', `${url}/ocsp`, '-CAfile', server.rootFile, '-verify_other', issuing],
    ...['-issuer', issuing, ...about],
  );

async function fetchFile(path: string): Promise<string> {
  const file = at(path.replaceAll('/', '_'));
  await run('curl', ['-sSf', '--max-time', '20', '-o', file, `${url}${path}`]);
  return file;
}

test('certificates say where CRL, issuer and OCSP are, and the server where it listens', () => {
  assert.match(url, /^http:\/\/localhost:\d+$/);
  assert.equal(server.logLines({ msg: 'status is served', url }).length, 1);
  const text = openssl(['x509', '-noout', '-text', '-in', lasting]).toString();
  assert.match(
    text,
    /CRL Distribution Points: *\n +Full Name:\n +URI:http:\/\/pki\.example\/crl\//,
  );
  assert.match(text, /OCSP - URI:http:\/\/pki\.example\/ocsp\n/);
  assert.match(text, new RegExp(`CA Issuers - URI:http://pki\\.example/ca/${id}\\.cer\n`));
});

describe('openssl ocsp', { timeout }, () => {
  for (const hash of ['-sha1', '-sha256'])
    for (const nonce of ['-nonce', '-no_nonce'])
      test(`${hash} ${nonce}: good`, async () => {
        const text = await ask(nonce, hash, '-cert', lasting);
        assert.match(text, /Response verify OK/);
        assert.match(text, /lasting\.pem: good/);
        assert.match(text, /This Update: .*\n\tNext Update: /);
        assert.doesNotMatch(text, /WARNING/, 'no nonce in response');
      });

  test('a nonce is answered with it, and without one there is none', async () => {
    assert.match(await ask('-nonce', '-resp_text', '-cert', lasting), /OCSP Nonce/);
    assert.doesNotMatch(await ask('-no_nonce', '-resp_text', '-cert', lasting), /Nonce/);
  });

  test('revoked in the very next answer of each worker, with time and reason', async () => {
    const questions = Array.from({ length: 6 }, () => ask('-no_nonce', '-cert', shortLived));
    for (const text of await Promise.all(questions)) assert.match(text, /short-lived\.pem: good/);
    await revoke(shortLived);
    const again = Array.from({ length: 6 }, () => ask('-no_nonce', '-cert', shortLived));
    for (const text of await Promise.all(again)) {
      assert.match(text, /Response verify OK/);
      assert.match(text, /short-lived\.pem: revoked/);
      assert.match(text, /Reason: keyCompromise\n\tRevocation Time: /);
    }
  });

  test('several at once: each has its own status', async () => {
    const unissued = '0x0102030405060708090a';
    const text = await ask(
      ...['-cert', lasting, '-sha256', '-cert', shortLived, '-serial', unissued],
    );
    assert.match(text, /Response verify OK/);
    assert.match(text, /lasting\.pem: good/);
    assert.match(text, /short-lived\.pem: revoked/);
    assert.match(text, new RegExp(`${unissued}: unknown`));
  });

  test('about a certificate of another CA: unauthorized', async () => {
    const text = await output(
      'openssl',
      ...['ocsp', '-url', `${url}/ocsp`, '-CAfile', server.rootFile],
      ...['-issuer', server.rootFile, '-cert', issuing],
    );
    assert.match(text, /Responder Error: unauthorized \(6\)/);
  });

  test('the responder is byKey, and its certificate comes along', async () => {
    const text = await ask('-resp_text', '-cert', lasting);
    const { certificate } = (await delegatedKeyIn(server.data, 'ocsp')) ?? assert.fail();
    const print = ['x509', '-inform', 'DER', '-noout', '-ext', 'subjectKeyIdentifier'];
    const printed = openssl(print, Buffer.from(certificate, 'base64')).toString();
    const identifier = /([0-9A-F]{2}:){19}[0-9A-F]{2}/.exec(printed)?.[0].replaceAll(':', '');
    assert.match(text, new RegExp(`Responder Id: ${identifier}`));
    assert.match(text, /OCSP Signing/);
  });

  test('GET of the same request has the same answer', async () => {
    const request = at('request.der');
    openssl(['ocsp', '-no_nonce', '-issuer', issuing, '-cert', lasting, '-reqout', request]);
    const base64 = openssl(['base64', '-A', '-in', request]).toString();
    const response = await fetchFile(`/ocsp/${encodeURIComponent(base64)}`);
    const text = await output(
      'openssl',
      ...['ocsp', '-respin', response, '-issuer', issuing, '-cert', lasting],
      ...['-CAfile', server.rootFile, '-verify_other', issuing],
    );
    assert.match(text, /Response verify OK/);
    assert.match(text, /lasting\.pem: good/);
    const answered = server.logLines({ msg: 'request', method: 'GET', ocsp: 'successful' });
    assert.equal(answered.length, 1);
  });
});

test('GnuTLS ocsptool: good, and revoked after it was', { timeout }, async () => {
  const question = (...more: string[]) =>
    output(
      'ocsptool',
      ...[`--ask=${url}/ocsp`, '--load-cert', third, '--load-issuer', issuing],
      // Its trust in who signed the answer goes by the issuer.
      ...['--load-trust', issuing, ...more],
    );
  for (const nonce of ['--nonce', '--no-nonce']) {
    const text = await question(nonce);
    assert.match(text, /Certificate Status: good/);
    assert.match(text, /Verifying OCSP Response: Success/);
  }
  await revoke(third);
  assert.match(await question(), /Certificate Status: revoked/);
});

test('openssl verify, with nothing but the root and what is fetched', { timeout }, async () => {
  const crl = await fetchFile(`/crl/${id}.crl`);
  const issuer = await fetchFile(`/ca/${id}.cer`);
  const root = await fetchFile(`/ca/${rootId}.cer`);
  const pem = (kind: string, der: string) => {
    writeFileSync(`${der}.pem`, openssl([kind, '-inform', 'DER', '-in', der]));
    return `${der}.pem`;
  };
  assert.equal(readText(pem('x509', root)), server.root);
  const verify = (file: string) =>
    output(
      'openssl',
      ...['verify', '-crl_check', '-CRLfile', pem('crl', crl), '-CAfile', server.rootFile],
      ...['-untrusted', pem('x509', issuer), file],
    );
  assert.match(await verify(lasting), /lasting\.pem: OK/);
  assert.match(await verify(shortLived), /certificate revoked/);
});
