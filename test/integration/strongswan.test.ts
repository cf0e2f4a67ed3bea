/**
 * Debian's strongSwan (`pki --estca`, `pki --est`, 5.9.8): base64 on one line, head and body in two reads.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BestowServer } from '../support/bestow.ts';
import { openssl } from '../support/est-client.ts';
import { assertIssued } from '../support/issued-certificate.ts';

const server = await BestowServer.start();
const directory = mkdtempSync(join(tmpdir(), 'bestow-strongswan-'));
after(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

const timeout = 30_000;
const file = (name: string) => join(directory, name);

/** 1.2 is the highest version that pki offers unless it is told otherwise. */
const configurations = {
  'TLS 1.2': '',
  'TLS 1.3': 'pki {\n  tls {\n    version_max = 1.3\n  }\n}\n',
} as const;
type Version = keyof typeof configurations;
for (const [version, text] of Object.entries(configurations)) writeFileSync(file(version), text);

interface PkiResult {
  readonly exitCode: number | string;
  readonly stdout: Buffer;
  /** Its log. */
  readonly stderr: string;
}

/** Runs pki. It ends by itself within seconds; a hanging server would end it by the time limit. */
function pki(version: Version, ...args: string[]): Promise<PkiResult> {
  return new Promise((resolve) => {
    const env = { ...process.env, STRONGSWAN_CONF: file(version) };
    const options = { cwd: directory, env, timeout: 20_000, encoding: 'buffer' } as const;
    execFile('pki', args, options, (error, stdout, stderr) =>
      resolve({
        exitCode: error ? (error.code ?? error.signal ?? 'killed') : 0,
        stdout,
        stderr: stderr.toString(),
      }),
    );
  });
}

/** Makes a key and a request by it: `NAME.key` and `NAME.csr`. Returns the key, PEM. */
async function makeRequest(name: string, device: string, kind: readonly string[]): Promise<string> {
  const key = await pki('TLS 1.2', '--gen', ...kind, '--outform', 'pem');
  writeFileSync(file(`${name}.key`), key.stdout);
  const names = ['--dn', `CN=${device}`, '--san', `${device}.example`];
  const from = ['--in', file(`${name}.key`), '--type', 'priv'];
  const request = await pki('TLS 1.2', '--req', ...from, ...names, '--outform', 'der');
  assert.equal(request.exitCode, 0, request.stderr);
  writeFileSync(file(`${name}.csr`), request.stdout);
  return key.stdout.toString();
}

/** Runs `pki --est` and returns the certificate it printed, PEM. */
async function enroll(version: Version, csr: string, ...credentials: string[]): Promise<string> {
  const trust = [server.rootFile, join(server.data, 'ca', 'issuing.pem')];
  const result = await pki(
    version,
    ...['--est', '--url', server.origin, '--in', file(csr), '--outform', 'pem'],
    ...trust.flatMap((path) => ['--cacert', path]),
    ...credentials,
  );
  assert.equal(result.exitCode, 0, result.stderr);
  assert.match(result.stderr, new RegExp(`^negotiated ${version} `, 'm'));
  assert.match(result.stderr, /^Issued certificate is trusted/m);
  return result.stdout.toString();
}

/** The certificates that `pki --estca` wrote, PEM: the root as NAME.der, the issuing certificate as NAME-1.der. */
async function getCaCertificates(version: Version): Promise<string> {
  const name = `ca-${version.replace(/\D/g, '')}`;
  const where = ['--url', `https://127.0.0.1:${server.port}`, '--cacert', server.rootFile];
  const result = await pki(version, '--estca', ...where, '--caout', file(`${name}.der`), '--force');
  assert.equal(result.exitCode, 0, result.stderr);
  assert.match(result.stderr, new RegExp(`^negotiated ${version} `, 'm'));
  assert.match(result.stderr, /^Root CA equals trusted TLS Root CA$/m);
  assert.match(result.stderr, /^Sub CA cert is trusted/m);
  return [`${name}.der`, `${name}-1.der`]
    .map((der) => openssl(['x509', '-inform', 'DER'], readFileSync(file(der))).toString())
    .join('');
}

const keyKinds = {
  'rsa-2048': ['--type', 'rsa', '--size', '2048'],
  // Its answers pass 1023 characters of base64, where other clients need line breaks and this one fails on them.
  'rsa-4096': ['--type', 'rsa', '--size', '4096'],
  'p-256': ['--type', 'ecdsa', '--size', '256'],
  'p-384': ['--type', 'ecdsa', '--size', '384'],
} as const;

for (const version of Object.keys(configurations) as Version[]) {
  test(`cacerts over ${version}`, { timeout }, async () => {
    const caCertificates = await getCaCertificates(version);
    assert.ok(caCertificates.includes(server.root.trim()), 'the root is among them');
  });

  for (const [kind, generate] of Object.entries(keyKinds))
    test(`${kind} over ${version}: enroll by password, renew, rekey`, { timeout }, async () => {
      const device = `${kind}-${version.slice(4)}`;
      const added = await server.cli('device', 'add', device, '--name', `DNS:${device}.example`);
      assert.equal(added.exitCode, 0, added.stderr);
      const key = await makeRequest(device, device, generate);
      const caCertificates = await getCaCertificates(version);

      const password = await server.password(device);
      const userpass = ['--userpass', `${device}:${password}`];
      const enrolled = await enroll(version, `${device}.csr`, ...userpass);
      assertIssued(enrolled, { caCertificates, device, key });

      writeFileSync(file(`${device}.pem`), enrolled);
      const old = ['--cert', file(`${device}.pem`), '--key', file(`${device}.key`)];
      const renewed = await enroll(version, `${device}.csr`, ...old);
      assertIssued(renewed, { caCertificates, device, key });
      assert.notEqual(renewed, enrolled);

      const newKey = await makeRequest(`${device}-new`, device, ['--type', 'ecdsa']);
      const rekeyed = await enroll(version, `${device}-new.csr`, ...old);
      assertIssued(rekeyed, { caCertificates, device, key: newKey });
    });
}

test('a wrong password: pki says HTTP 401 and ends', { timeout }, async () => {
  await makeRequest('refused', 'refused', ['--type', 'ecdsa']);
  const asked = ['--est', '--url', server.origin, '--cacert', server.rootFile];
  const credentials = ['--in', file('refused.csr'), '--userpass', 'refused:wrong'];
  const { exitCode, stdout, stderr } = await pki('TLS 1.2', ...asked, ...credentials);
  assert.equal(exitCode, 1);
  assert.equal(stdout.length, 0);
  assert.match(stderr, /^EST request failed: HTTP 401$/m);
});
