/**
 * An issuing CA under the root of a corporation, which OpenSSL plays: root, policy CA, and the request that the token signed.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { withStores } from '../../cli/data.ts';
import { BestowServer } from '../support/bestow.ts';
import {
  certify,
  extensionsWith,
  makeCaBelow,
  makeCorporateRoot,
} from '../support/corporate-ca.ts';
import {
  call,
  certificateOf,
  certificatesOf,
  makeKey,
  openssl,
  post,
  readText,
} from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';
import { enlist } from '../support/registry.ts';

const run = promisify(execFile);
const timeout = 60_000;
const root = makeCorporateRoot({ subject: '/C=DE/O=Acme/CN=Acme Root' });
const policy = makeCaBelow(root, { subject: '/C=DE/O=Acme/CN=Acme Policy CA', key: 'P-384' });
const server = await BestowServer.init({
  init: ['--external-root', '--subject', 'C=DE, O=Acme, CN=Acme Devices CA'],
  configure: (config) => {
    config.status = { listen: '127.0.0.1:0', url: 'http://pki.example' };
  },
});
const directory = mkdtempSync(join(tmpdir(), 'bestow-external-'));
after(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

/** @returns its path */
function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const rootFile = file('root.pem', root.certificate);
const policyFile = file('policy.pem', policy.certificate);
const fingerprint = new X509Certificate(root.certificate).fingerprint256;
const requestFile = join(server.data, 'ca', 'issuing.csr');
const version = () => withStores({ data: server.data }, ({ caState }) => caState.version());
const importing = (path: string, ...args: string[]) => server.cli('ca', 'import', path, ...args);
const known = ['--anchor-fingerprint', fingerprint];

/** The root of the TLS certificate is the corporation's. */
async function enroll(device: string): Promise<string> {
  const { [device]: password = '' } = await enlist(server, { [device]: {} });
  const request = makeKey().request(`/CN=${device}`);
  const credentials = { user: device, password };
  return certificateOf(
    await post(`${server.est}/simpleenroll`, root.certificate, request, credentials),
  );
}

test('init makes key and request, and no certificate; the server says what it waits for', {
  timeout,
}, async () => {
  const text = openssl(['req', '-in', requestFile, '-verify', '-noout', '-text']).toString();
  assert.match(text, /Subject: C = DE, O = Acme, CN = Acme Devices CA/);
  for (const path of ['ca/root.pem', 'ca/issuing.pem', 'tls/server.pem'])
    assert.ok(!existsSync(join(server.data, path)), path);
  await assert.rejects(server.start(), /no certificate yet: .*with `bestow ca import`/);
  const [again, { stdout: listed }, added] = await Promise.all([
    server.cli('ca', 'request', '--again'),
    server.cli('ca', 'issuer', 'list'),
    server.cli('ca', 'issuer', 'add', 'plant'),
  ]);
  assert.equal(again.stdout, readText(requestFile));
  assert.match(listed, /generation 1 is requested/);
  assert.equal(added.exitCode, 5);
  assert.match(added.stderr, /no root of its own: ask the CA above .*`bestow ca request`/);
});

test('what does not do changes nothing', { timeout }, async () => {
  const before = await version();
  const request = readText(requestFile);
  const good = certify(request, policy);
  const stranger = makeCorporateRoot({ subject: '/CN=Stranger' });
  const denied = extensionsWith({ basicConstraints: 'basicConstraints=critical,CA:FALSE' });
  const chainOf = (signed: string) => `${signed}${policy.certificate}${root.certificate}`;
  const complete = file('complete.pem', chainOf(good));
  const wrong: [number, RegExp, string, string[]][] = [
    [
      1,
      /certificate of C=DE, O=Acme, CN=Acme Root is missing/,
      `${good}${policy.certificate}`,
      known,
    ],
    [
      1,
      /None of the certificates \(2\) is over the key/,
      `${policy.certificate}${root.certificate}`,
      known,
    ],
    [1, /not a CA certificate/, chainOf(certify(request, policy, { extensions: denied })), known],
    [2, /holds no certificate/, 'nothing', known],
    [
      4,
      /has the fingerprint .* and not the one that was named/,
      chainOf(good),
      ['--anchor-fingerprint', new X509Certificate(stranger.certificate).fingerprint256],
    ],
    [2, /64 hexadecimal digits/, chainOf(good), ['--anchor-fingerprint', 'AB:CD']],
  ];
  const outcomes = wrong.map(([, , text, args], i) =>
    importing(file(`wrong-${i}.pem`, text), ...args),
  );
  for (const [i, { exitCode, stderr }] of (await Promise.all(outcomes)).entries()) {
    assert.equal(exitCode, wrong[i]?.[0], stderr);
    assert.match(stderr, wrong[i]?.[1] ?? /$^/);
  }
  const unconfirmed = await importing(complete);
  assert.equal(unconfirmed.exitCode, 2);
  assert.match(unconfirmed.stderr, new RegExp(`Say that you know the root .*${fingerprint}`));
  assert.equal(await version(), before);
});

test('the signed chain is taken, and the server serves under the corporate root', {
  timeout,
}, async () => {
  const issuing = certify(readText(requestFile), policy);
  const chain = file('chain.pem', `${root.certificate}${issuing}${policy.certificate}`);
  const message = ['crl2pkcs7', '-nocrl', '-certfile', chain, '-outform', 'DER'];
  const bundle = file('chain.p7b', openssl(message));
  const lowerCase = fingerprint.replaceAll(':', '').toLowerCase();
  const { exitCode, stderr } = await importing(bundle, '--anchor-fingerprint', lowerCase);
  assert.equal(exitCode, 0, stderr);
  assert.equal(readText(join(server.data, 'ca', 'issuing.pem')), issuing);
  assert.equal(server.root, root.certificate);
  await server.start();
  const certificate = file('device.pem', await enroll('device-1'));
  const issuingFile = file('issuing.pem', issuing);
  openssl([
    ...['verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', rootFile],
    ...['-untrusted', policyFile, '-untrusted', issuingFile, certificate],
  ]);
  const announced = certificatesOf(await call(`${server.est}/cacerts`, root.certificate));
  assert.deepEqual(announced.sort(), [root.certificate, policy.certificate, issuing].sort());

  const url = readText(join(server.data, 'run', 'status.url')).trim();
  const { stdout, stderr: verdict } = await run('openssl', [
    ...['ocsp', '-url', `${url}/ocsp`, '-CAfile', rootFile, '-issuer', issuingFile],
    ...['-verify_other', chain, '-cert', certificate],
  ]);
  assert.match(`${stdout}${verdict}`, /Response verify OK/);
  assert.match(stdout, /: good/);
  const [, path = ''] =
    /URI:http:\/\/pki\.example(\/crl\/.*)/.exec(
      openssl(['x509', '-noout', '-text', '-in', certificate]).toString(),
    ) ?? [];
  const crl = join(directory, 'issuing.crl');
  await run('curl', ['-sSf', '--max-time', '20', '-o', crl, `${url}${path}`]);
  openssl(['crl', '-inform', 'DER', '-in', crl, '-noout', '-CAfile', issuingFile]);

  // An import that was cut short is finished by another one.
  const again = await importing(chain, ...known);
  assert.equal(again.exitCode, 0, again.stderr);
  const other = certify(readText(requestFile), policy);
  const second = await importing(
    file('second.pem', `${other}${policy.certificate}${root.certificate}`),
    ...known,
  );
  assert.equal(second.exitCode, 5);
  assert.match(second.stderr, /waits for no certificate: `bestow ca request main`/);
});

test('the next key of the issuer waits for its activation', { timeout }, async () => {
  const csr = join(directory, 'next.csr');
  const asked = await server.cli('ca', 'request', '--key-type', 'P-384', '--out', csr);
  assert.equal(asked.exitCode, 0, asked.stderr);
  const named = openssl(['req', '-in', csr, '-noout', '-subject']).toString();
  assert.match(named, /O = Acme, CN = Acme Devices CA G2/);
  const twice = await server.cli('ca', 'request');
  assert.match(twice.stderr, /has a key that is requested already \(generation 2\)/);
  assert.notEqual(twice.exitCode, 0);
  const changed = await server.cli(
    ...['ca', 'request', '--again', '--out', csr],
    ...['--subject', 'C=DE, O=Acme, CN=Acme Devices CA 2'],
  );
  assert.equal(changed.exitCode, 0, changed.stderr);
  const next = certify(readText(csr), policy);
  const chain = file('next.pem', `${next}${policy.certificate}${root.certificate}`);
  const { state } = await server.json<{ state: string }>('ca', 'import', chain, ...known);
  assert.equal(state, 'next');
  await eventually(async () =>
    certificatesOf(await call(`${server.est}/cacerts`, root.certificate)).includes(next),
  );
  const issuerOf = (pem: string) => new X509Certificate(pem).issuer;
  assert.match(issuerOf(await enroll('device-2')), /CN=Acme Devices CA$/);
  const activated = await server.cli('ca', 'rollover', 'activate');
  assert.equal(activated.exitCode, 0, activated.stderr);
  await eventually(async () => {
    const { stdout } = await server.cli('ca', 'show', 'issuing', '--pem');
    return stdout === next;
  });
  await eventually(async () =>
    /CN=Acme Devices CA 2$/.test(issuerOf(await enroll(`d-${Date.now()}`))),
  );
  assert.equal(readFileSync(join(server.data, 'ca', 'issuing.pem'), 'utf8'), next);
});
