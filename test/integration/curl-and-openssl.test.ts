/**
 * A device's engineer with curl and openssl: every key kind, TLS 1.2 and 1.3, from nothing to the third certificate.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { BestowServer } from '../support/bestow.ts';
import { assertIssued, expectedSia, printedSia } from '../support/issued-certificate.ts';

const run = promisify(execFile);
const server = await BestowServer.start();
const directories: string[] = [];
after(async () => {
  await server[Symbol.asyncDispose]();
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

const timeout = 30_000;

const keyKinds = {
  'rsa-2048': '-algorithm RSA -pkeyopt rsa_keygen_bits:2048',
  'rsa-3072': '-algorithm RSA -pkeyopt rsa_keygen_bits:3072',
  'p-256': '-algorithm EC -pkeyopt ec_paramgen_curve:P-256',
  'p-384': '-algorithm EC -pkeyopt ec_paramgen_curve:P-384',
  'p-521': '-algorithm EC -pkeyopt ec_paramgen_curve:P-521',
  ed25519: '-algorithm ED25519',
} as const;

const versions = {
  'TLSv1.2': '--tlsv1.2 --tls-max 1.2',
  'TLSv1.3': '--tlsv1.3',
} as const;

/** What every script starts with: the commands an engineer would put into shell functions. */
const preamble = `
set -euo pipefail
certificates() { openssl base64 -d | openssl pkcs7 -inform DER -print_certs; }
request() { openssl req -new -key "$1" -subj "/CN=$DEVICE" -outform DER | openssl base64 > "$2"; }
post() {
  operation=$1; body=$2; shift 2
  curl -sS -v --fail-with-body $TLS --cacert cacerts.pem "$@" \\
    -H 'Content-Type: application/pkcs10' -H 'Content-Transfer-Encoding: base64' \\
    --data-binary @"$body" "$EST/$operation" 2>>trace.txt
}
cacerts() { curl -sS $TLS --cacert "$ROOT" "$EST/cacerts" | certificates > cacerts.pem; }
enroll() {
  openssl genpkey $KEY_KIND -out device.key 2>>keys.txt
  request device.key request.b64
  post simpleenroll request.b64 -u "$DEVICE:$PASSWORD" | certificates > enrolled.pem
}
`;

const lifetime = `
cacerts
enroll
# renewed: the same key; rekeyed: a new one; then a certificate more, with the new certificate as credential
post simplereenroll request.b64 --cert enrolled.pem --key device.key | certificates > renewed.pem
openssl genpkey $KEY_KIND -out new.key 2>>keys.txt
request new.key new-request.b64
post simplereenroll new-request.b64 --cert renewed.pem --key device.key | certificates > rekeyed.pem
post simpleenroll new-request.b64 --cert rekeyed.pem --key new.key | certificates > again.pem
`;

/** Runs a script in a directory of its own and returns a reader of the files it left. */
async function shell(
  script: string,
  environment: Readonly<Record<string, string>>,
): Promise<(file: string) => string> {
  const cwd = mkdtempSync(join(tmpdir(), 'bestow-curl-'));
  directories.push(cwd);
  await run('bash', ['-c', preamble + script], {
    cwd,
    timeout,
    env: { PATH: process.env.PATH ?? '', ...environment },
  });
  return (file) => readFileSync(join(cwd, file), 'utf8');
}

/** The shell variables of one device. */
async function device(
  id: string,
  kind: keyof typeof keyKinds,
  version: keyof typeof versions,
  on = server,
): Promise<Record<string, string>> {
  return {
    DEVICE: id,
    PASSWORD: await on.password(id),
    KEY_KIND: keyKinds[kind],
    TLS: versions[version],
    EST: on.est,
    ROOT: on.rootFile,
  };
}

function assertLifetime(file: (name: string) => string, id: string, version: string): void {
  const caCertificates = file('cacerts.pem');
  for (const [name, key] of [
    ['enrolled.pem', 'device.key'],
    ['renewed.pem', 'device.key'],
    ['rekeyed.pem', 'new.key'],
    ['again.pem', 'new.key'],
  ] as const)
    assertIssued(file(name), { caCertificates, device: id, key: file(key) });
  const issued = ['enrolled.pem', 'renewed.pem', 'rekeyed.pem', 'again.pem'].map(file);
  assert.equal(new Set(issued).size, 4, 'each answer is a certificate of its own');
  const used = file('trace.txt').match(/SSL connection using (\S+)/g);
  assert.deepEqual(used, Array(4).fill(`SSL connection using ${version}`));
}

// Two at a time: most of it is waiting for one process after the other.
suite('every key kind, every version: enroll, renew, rekey, enroll again', {
  concurrency: 2,
}, () => {
  for (const version of Object.keys(versions) as (keyof typeof versions)[])
    for (const kind of Object.keys(keyKinds) as (keyof typeof keyKinds)[])
      test(`${kind} over ${version}`, { timeout }, async () => {
        const id = `${kind}-${version.toLowerCase()}`;
        const file = await shell(lifetime, await device(id, kind, version));
        assertLifetime(file, id, version);
      });
});

test('a body without line breaks, as curl --data leaves it', { timeout }, async () => {
  const script = `
cacerts
openssl genpkey $KEY_KIND -out device.key 2>>keys.txt
request device.key request.b64
curl -sS --fail-with-body $TLS --cacert cacerts.pem -u "$DEVICE:$PASSWORD" \\
  -H 'Content-Type: application/pkcs10' --data @request.b64 "$EST/simpleenroll" | certificates > enrolled.pem`;
  const file = await shell(script, await device('one-line', 'rsa-2048', 'TLSv1.3'));
  assertIssued(file('enrolled.pem'), {
    caCertificates: file('cacerts.pem'),
    device: 'one-line',
    key: file('device.key'),
  });
});

test('a refusal is read on the terminal: another device in the request', { timeout }, async () => {
  const script = `
cacerts
openssl genpkey $KEY_KIND -out device.key 2>>keys.txt
openssl req -new -key device.key -subj /CN=another -outform DER | openssl base64 > request.b64
post simpleenroll request.b64 -u "$DEVICE:$PASSWORD" > answer.txt || echo "curl: $?" >> answer.txt`;
  const file = await shell(script, await device('refused', 'p-256', 'TLSv1.3'));
  assert.match(file('answer.txt'), /^The request's subject .*another.*\ncurl: 22\n$/);
  assert.match(file('trace.txt'), /< HTTP\/1\.1 403 /);
});

test('endpoints: extension-and-sia puts the endpoint where every openssl prints it', {
  timeout,
}, async () => {
  await using withSia = await BestowServer.start({
    configure: (config) => {
      config.profiles = { device: { validity: '90d', endpoints: 'extension-and-sia' } };
    },
  });
  const file = await shell(
    'cacerts\nenroll\npost simplereenroll request.b64 --cert enrolled.pem --key device.key | certificates > renewed.pem',
    await device('sia', 'p-256', 'TLSv1.3', withSia),
  );
  for (const name of ['enrolled.pem', 'renewed.pem']) {
    const expected = { device: 'sia', key: file('device.key') };
    assertIssued(file(name), { caCertificates: file('cacerts.pem'), ...expected });
    assert.equal(printedSia(file(name)), expectedSia);
  }
});
