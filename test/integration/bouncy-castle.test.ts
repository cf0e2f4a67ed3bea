/**
 * Bouncy Castle's EST client, as Java devices use it: Basic only after an empty 401, then the certificate.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { BestowServer } from '../support/bestow.ts';
import { type KeyKind, makeKey, openssl } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';
import { assertIssued } from '../support/issued-certificate.ts';

const run = promisify(execFile);
const source = new URL('../clients/EstEnrollment.java', import.meta.url).pathname;
// Where Debian's libbcpkix-java puts them.
const jars = ['bcpkix', 'bcprov', 'bcutil'].map((name) => `/usr/share/java/${name}.jar`);

const server = await BestowServer.start();
const directory = mkdtempSync(join(tmpdir(), 'bestow-bouncy-castle-'));
const file = (name: string) => join(directory, name);
const read = (name: string) => readFileSync(file(name), 'utf8');
before(() => run('javac', ['-d', directory, '-cp', jars.join(':'), source], { timeout: 60_000 }), {
  timeout: 60_000,
});
after(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

const timeout = 60_000;

/** Runs operations of the Java program; returns a line for each. */
async function client(version: string, ...operations: string[][]): Promise<string[]> {
  const classPath = [directory, ...jars].join(':');
  const target = [`localhost:${server.port}`, version, server.rootFile];
  const { stdout } = await run(
    'java',
    ['-cp', classPath, 'EstEnrollment', ...target, ...operations.flat()],
    { timeout: 40_000 },
  );
  return stdout.trim().split('\n');
}

/** Writes NAME.key and NAME.csr. Returns the key, PEM. */
function makeRequest(name: string, subject: string, kind: KeyKind): string {
  const { key, request } = makeKey(kind);
  writeFileSync(file(`${name}.key`), key);
  const pem = openssl(['req', '-inform', 'DER'], request(subject));
  writeFileSync(file(`${name}.csr`), pem);
  return key;
}

for (const [version, kind] of [
  ['TLSv1.2', 'P-256'],
  ['TLSv1.3', 'P-256'],
  // Over 1023 characters of base64, which come on several lines.
  ['TLSv1.2', 'RSA-4096'],
  ['TLSv1.3', 'RSA-4096'],
] as const)
  test(`${kind} over ${version}: cacerts, csrattrs, enroll by password, renew, rekey`, {
    timeout,
  }, async () => {
    const device = `${kind}-${version}`.toLowerCase();
    const password = await server.password(device);
    const at = (name: string) => file(`${device}-${name}`);
    const key = makeRequest(`${device}-first`, `/CN=${device}`, kind);
    const newKey = makeRequest(`${device}-new`, `/CN=${device}`, 'P-256');
    const old = [at('enrolled.pem'), at('first.key')];
    const lines = await client(
      version,
      ['cacerts', at('ca.pem')],
      ['csrattrs'],
      ['enroll', at('first.csr'), device, password, at('enrolled.pem')],
      ['reenroll', at('first.csr'), ...old, at('renewed.pem')],
      ['reenroll', at('new.csr'), ...old, at('rekeyed.pem')],
    );
    assert.deepEqual(lines, [
      `cacerts ${version} trusted`,
      `csrattrs ${version} none`,
      `enroll ${version} 1 certificate`,
      `reenroll ${version} 1 certificate`,
      `reenroll ${version} 1 certificate`,
    ]);
    const caCertificates = read(`${device}-ca.pem`);
    assert.ok(withoutLineBreaks(caCertificates).includes(withoutLineBreaks(server.root)));
    assertIssued(read(`${device}-enrolled.pem`), { caCertificates, device, key });
    assertIssued(read(`${device}-renewed.pem`), { caCertificates, device, key });
    assertIssued(read(`${device}-rekeyed.pem`), { caCertificates, device, key: newKey });
  });

/** Java ends lines as it likes. */
function withoutLineBreaks(pem: string): string {
  return pem.replace(/[\r\n]+/g, '');
}

test('it asks without credentials first and repeats with Basic after the 401', {
  timeout,
}, async () => {
  const device = 'challenged';
  const password = await server.password(device);
  makeRequest(device, `/CN=${device}`, 'P-256');
  const path = '/.well-known/est/simpleenroll';
  const before = server.logLines({ path }).length;
  await client('TLSv1.3', ['enroll', file('challenged.csr'), device, password, file('out.pem')]);
  const requests = () => server.logLines({ path }).slice(before);
  await eventually(() => requests().length >= 2);
  assert.deepEqual(
    requests().map(({ status }) => status),
    [401, 200],
  );
});

test('a refusal reaches the caller with its reason', { timeout }, async () => {
  const device = 'refused';
  const password = await server.password(device);
  makeRequest('another', '/CN=another', 'P-256');
  const out = file('none.pem');
  const lines = await client(
    'TLSv1.3',
    ['enroll', file('another.csr'), device, 'wrong', out],
    ['enroll', file('another.csr'), device, password, out],
  );
  assert.match(lines[0] ?? '', /^refused 401 /);
  assert.match(lines[1] ?? '', /^refused 403 The request's subject .*another.* \(request \S+\)$/);
  assert.throws(() => readFileSync(out), { code: 'ENOENT' });
});
