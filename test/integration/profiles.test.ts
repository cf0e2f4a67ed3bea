/**
 * Certificate profiles by the book: an operator writes one, looks at what it would give, gives it to a group, and devices
 * get it with curl and openssl, from a server that runs all the while.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { BestowServer } from '../support/bestow.ts';
import { eventually } from '../support/eventually.ts';
import { enlist } from '../support/registry.ts';

const run = promisify(execFile);
const timeout = 60_000;
const server = await BestowServer.start({
  configure: (config) => {
    config.status = { listen: '127.0.0.1:0', url: 'http://pki.example' };
  },
});
const directory = mkdtempSync(join(tmpdir(), 'bestow-profiles-'));
after(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});
const at = (file: string) => join(directory, file);

function write(file: string, ...lines: string[]): string {
  writeFileSync(at(file), `${lines.join('\n')}\n`);
  return at(file);
}

const script = `
set -euo pipefail
cd "$DIRECTORY"
openssl genpkey $KEY -out "$DEVICE.key" 2>/dev/null
openssl req -new -key "$DEVICE.key" -subj "$SUBJECT" -outform DER | openssl base64 > "$DEVICE.b64"
curl -sS -u "$DEVICE:$PASSWORD" --cacert "$ROOT" -H 'Content-Type: application/pkcs10' \\
  --data-binary @"$DEVICE.b64" -w '%{stderr}%{http_code}' "$EST/simpleenroll" > "$DEVICE.answer" 2> "$DEVICE.status"
if [ "$(cat "$DEVICE.status")" = 200 ]; then
  openssl base64 -d < "$DEVICE.answer" | openssl pkcs7 -inform DER -print_certs > "$DEVICE.pem"
  openssl x509 -in "$DEVICE.pem" -noout -text
else cat "$DEVICE.answer"; fi
`;

interface Enrolled {
  readonly status: string;
  /** What openssl prints of the certificate, or what the server says instead. */
  readonly text: string;
}

interface Device {
  readonly group: string;
  readonly names?: string[];
  readonly subject?: string;
  readonly key?: string;
}

const p256 = '-algorithm EC -pkeyopt ec_paramgen_curve:P-256';

async function enroll(
  device: string,
  { group, names = [], subject = `/CN=${device}`, key = p256 }: Device,
): Promise<Enrolled> {
  const { [device]: password } = await enlist(server, { [device]: { group, names } });
  const { stdout } = await run('bash', ['-c', script], {
    env: {
      ...process.env,
      DIRECTORY: directory,
      DEVICE: device,
      PASSWORD: password ?? '',
      SUBJECT: subject,
      KEY: key,
      ROOT: server.rootFile,
      EST: server.est,
    },
  });
  return { status: readFileSync(at(`${device}.status`), 'utf8'), text: stdout };
}

/** The lines that openssl prints below a heading. */
function below(text: string, heading: string): string {
  const [, found = ''] = new RegExp(`${heading}.*\\n\\s*(.*)`).exec(text) ?? [];
  return found.trim();
}

describe('the built-in profile of gateways', { timeout }, () => {
  test('client and server, with its DNS name whether or not it asks', async () => {
    await server.json('group', 'add', 'edge', '--profile', 'gateway');
    const { status, text } = await enroll('gw-1', { group: 'edge', names: ['DNS:gw-1.example'] });
    assert.equal(status, '200', text);
    assert.equal(below(text, 'Key Usage: critical'), 'Digital Signature, Key Agreement');
    assert.equal(
      below(text, 'Extended Key Usage'),
      'TLS Web Client Authentication, TLS Web Server Authentication',
    );
    assert.equal(below(text, 'Subject Alternative Name'), 'DNS:gw-1.example');
  });

  test('with an RSA key it transports keys, and agrees on none', async () => {
    const { text } = await enroll('gw-2', {
      group: 'edge',
      names: ['DNS:gw-2.example'],
      key: '-algorithm RSA -pkeyopt rsa_keygen_bits:2048',
    });
    assert.equal(below(text, 'Key Usage: critical'), 'Digital Signature, Key Encipherment');
  });

  test('a gateway without a DNS name is refused, and told how to get one', async () => {
    const { status, text } = await enroll('gw-3', { group: 'edge' });
    assert.equal(status, '403');
    assert.match(
      text,
      /needs a name of the form DNS: register one with `bestow device set-names gw-3`/,
    );
  });
});

describe('a profile of short-lived certificates', { timeout }, () => {
  const first = write(
    'sensor.yaml',
    'name: sensor',
    'subject:',
    '  organizationName: Example Works',
    '  organizationalUnitName: ["{tenant}", "{group}"]',
    '  commonName: "{device}"',
    'validity: 6h',
    'backdate: 10m',
    'noRevAvail: true',
    'keyTypes: [P-256]',
    'endpoints: sia',
    'certificatePolicies: [{ oid: 1.3.6.1.4.1.32473.1, cps: "https://pki.example/cps" }]',
  );

  const sensors = { group: 'sensors' };

  test('is no profile for anybody before it is activated', async () => {
    await server.json('profile', 'set', first);
    const { exitCode, stderr } = await server.cli('group', 'add', 'sensors', '--profile', 'sensor');
    assert.equal(exitCode, 5);
    assert.match(stderr, /bestow profile activate sensor 1/);
    await server.json('profile', 'activate', 'sensor', '1');
    await server.json('group', 'add', 'sensors', '--profile', 'sensor');
  });

  test('reaches the running server, and openssl verifies what it gives', async () => {
    await eventually(async () => (await enroll('sensor-1', sensors)).status === '200', {
      timeout: 10_000,
    });
    const text = (await run('openssl', ['x509', '-in', at('sensor-1.pem'), '-noout', '-text']))
      .stdout;
    assert.match(text, /Subject: O = Example Works, OU = default, OU = sensors, CN = sensor-1\n/);
    assert.match(text, /No Revocation Available|2\.5\.29\.56/);
    assert.doesNotMatch(text, /CRL Distribution|OCSP/);
    assert.match(text, /CA Issuers - URI:http:\/\/pki\.example\/ca\//);
    assert.match(text, /Subject Information Access:[\s\S]*mqtts:\/\/broker\.example:8883/);
    assert.match(text, /CPS: https:\/\/pki\.example\/cps/);
    const issuing = join(server.data, 'ca', 'issuing.pem');
    const verify = ['verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', server.rootFile];
    const { stdout } = await run('openssl', [...verify, '-untrusted', issuing, at('sensor-1.pem')]);
    assert.match(stdout, /OK/);
  });

  test('the subject may be asked for as it will be, and no other', async () => {
    const own = '/O=Example Works/OU=default/OU=sensors/CN=sensor-2';
    const foreign = await enroll('sensor-2', { ...sensors, subject: '/O=Evil Works/CN=sensor-2' });
    assert.equal(foreign.status, '403');
    assert.match(foreign.text, /organizationName=Example Works/);
    assert.equal((await enroll('sensor-2', { ...sensors, subject: own })).status, '200');
  });

  test('a kind of key that the profile does not accept is refused', async () => {
    const { status, text } = await enroll('sensor-3', { ...sensors, key: '-algorithm ED25519' });
    assert.equal(status, '400');
    assert.match(text, /a key of type P-256 .*it has Ed25519/);
  });

  test('a new version, once it is active, is what the next device gets; and back', async () => {
    const second = write('sensor-2.yaml', readFileSync(first, 'utf8').replace('6h', '3h'));
    const { diff } = await server.json<{ diff: string[] }>('profile', 'set', second, '--activate');
    assert.ok(diff.includes('- validity: 6h') && diff.includes('+ validity: 3h'), diff.join('\n'));
    const hours = async (device: string) => {
      const { text } = await enroll(device, sensors);
      const [from, to] = ['Before', 'After '].map((word) =>
        Date.parse(new RegExp(`Not ${word}: (.*)`).exec(text)?.[1] ?? ''),
      );
      return ((to ?? 0) - (from ?? 0)) / 3_600_000 - 1 / 6;
    };
    let tried = 0;
    const isNow = (wanted: number) =>
      eventually(async () => Math.round(await hours(`sensor-v${++tried}`)) === wanted, {
        timeout: 20_000,
      });
    await isNow(3);
    const back = await server.json<{ version: number }>('profile', 'rollback', 'sensor');
    assert.equal(back.version, 1);
    await isNow(6);
  });
});

describe('what an operator sees', { timeout }, () => {
  test('the list, with the groups that have a profile', async () => {
    const rows = await server.json<Record<string, unknown>[]>('profile', 'list');
    const row = (name: string) => rows.find((each) => each.name === name);
    assert.deepEqual(row('sensor'), {
      name: 'sensor',
      use: 'device',
      active: 1,
      newest: 2,
      groups: ['sensors'],
    });
    assert.deepEqual(row('gateway')?.groups, ['edge']);
    assert.deepEqual(row('device')?.active, 'built-in');
    assert.equal(row('ocsp-responder')?.use, 'own');
  });

  test('a version as it was written, and how it differs from another', async () => {
    const { stdout } = await server.cli('profile', 'show', 'sensor');
    assert.equal(stdout, readFileSync(at('sensor.yaml'), 'utf8'));
    const { diff } = await server.json<{ diff: string[] }>(
      'profile',
      'show',
      'sensor',
      '--version',
      '2',
      '--diff',
    );
    assert.deepEqual(
      diff.filter((line) => !line.startsWith('  ')),
      ['- validity: 6h', '+ validity: 3h'],
    );
    assert.match(
      (await server.cli('profile', 'show', 'device')).stdout,
      /^name: device\nsubject:\n {2}commonName: "\{device\}"/,
    );
  });

  test('the preview is the certificate that the device has, but for key, serial number, time and signature', async () => {
    const { stdout } = await server.cli('profile', 'preview', 'sensor', '--device', 'sensor-1');
    assert.match(stdout, /^# A preview: no CA has signed this certificate/);
    const real = (await run('openssl', ['x509', '-in', at('sensor-1.pem'), '-noout', '-text']))
      .stdout;
    const lasting = (text: string) =>
      text
        .replace(/^#.*\n/, '')
        .replace(/Signature Value:[\s\S]*/, '')
        .replace(/(([0-9a-fA-F]{2}:)+\s*)+[0-9a-fA-F]{2}/g, 'OCTETS')
        .replace(/Not (Before|After ): .*/g, '');
    assert.equal(lasting(stdout), lasting(real));
  });

  test('its signature is not the CA’s', async () => {
    const { stdout } = await server.cli('profile', 'preview', at('sensor.yaml'), '--pem');
    writeFileSync(at('preview.pem'), stdout);
    const issuing = join(server.data, 'ca', 'issuing.pem');
    const args = ['verify', '-CAfile', server.rootFile, '-untrusted', issuing, at('preview.pem')];
    await assert.rejects(run('openssl', args), /signature failure/);
  });

  test('all problems of a file, each with its path', async () => {
    const bad = write(
      'bad.yaml',
      'name: bad',
      'validity: soon',
      'backdate: 3d',
      'keyUsage: [digitalSignature, cRLSign]',
    );
    const { exitCode, stdout, stderr } = await server.cli('profile', 'check', bad);
    assert.equal(exitCode, 1);
    for (const path of ['validity', 'backdate', 'keyUsage'])
      assert.match(stdout, new RegExp(`^PROBLEM {2}${path}: `, 'm'));
    assert.match(stderr, /3 problem\(s\) found/);
    assert.equal((await server.cli('profile', 'set', bad)).exitCode, 2);
    const unknown = write('unknown.yaml', 'name: bad', 'keyUsages: []', 'keyTypes: [DSA]');
    const found = await server.cli('profile', 'check', unknown, '--json');
    assert.deepEqual(
      JSON.parse(found.stdout)
        .map(({ path }: { path: string }) => path)
        .sort(),
      ['keyTypes.0', 'top level'],
    );
    assert.equal((await server.cli('profile', 'check', at('sensor.yaml'))).exitCode, 0);
  });

  test('a profile that would shut out a group is not activated', async () => {
    await server.json('group', 'set', 'sensors', '--key-types', 'P-256,P-384');
    const rsa = write('rsa.yaml', 'name: sensor', 'keyTypes: [RSA-2048]');
    const { exitCode, stderr } = await server.cli('profile', 'set', rsa, '--activate');
    assert.equal(exitCode, 5);
    assert.match(stderr, /no key would do/);
    const other = await server.cli('group', 'set', 'sensors', '--profile', 'ocsp-responder');
    assert.match(other.stderr, /not for devices/);
    assert.match(
      (await server.cli('group', 'set', 'edge', '--profile', 'no-such')).stderr,
      /There is no profile no-such/,
    );
  });
});
