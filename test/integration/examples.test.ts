/**
 * The clients of examples/ against a running server: each way to a first certificate, and renewal in time. What a device's
 * engineer copies is what is tested.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { hash, X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { withStores } from '../../cli/data.ts';
import type { NewDevice } from '../../enrollment/device-registry.ts';
import { defaultSettings, type GroupSettings } from '../../enrollment/group-settings.ts';
import { readPairingCode } from '../../enrollment/pairing-code.ts';
import { provisioningTemplate } from '../../enrollment/provisioning-templates.ts';
import { BestowServer } from '../support/bestow.ts';
import { eventually } from '../support/eventually.ts';
import { ExampleDevice, exampleKinds } from '../support/example-client.ts';
import { FactoryCa } from '../support/factory-ca.ts';
import { enlist } from '../support/registry.ts';

const timeout = 120_000;
const run = promisify(execFile);
const maker = new FactoryCa();
const directory = mkdtempSync(join(tmpdir(), 'bestow-examples-'));
const server = await BestowServer.start({
  configure: (config) => Object.assign(config.est ?? {}, { waiting: { retryAfter: '1s' } }),
});
after(async () => {
  await server[Symbol.asyncDispose]();
  maker[Symbol.dispose]();
  rmSync(directory, { recursive: true, force: true });
});

/** Its certificates begin when the CA did, minutes ago, and end soon: they are to be renewed as soon as they are there. */
const brief = `name: brief
subject: { organizationalUnitName: "{site}", commonName: "{device}", serialNumber: "{serial?}" }
subjectAltNames: { always: [DNS, IP, URI] }
validity: 2m
backdate: 12h
endpoints: sia
`;

before(async () => {
  const file = join(directory, 'brief.yaml');
  writeFileSync(file, brief);
  await server.json('profile', 'set', file, '--activate');
  await withStores({ data: server.data }, async ({ tenants }) => {
    const groups: Record<string, Partial<GroupSettings>> = {
      kiosks: { possession: 'pairing-code' },
      gateways: { approval: true },
      pumps: { identity: 'factory-certificate', possession: 'none' },
      edge: { possession: 'none', trust: 'first-use' },
      sensors: { profile: 'brief' },
      ...Object.fromEntries(['batch', 'display', 'legacy'].map((name) => [name, settingsOf(name)])),
    };
    for (const [label, changes] of Object.entries(groups)) {
      const settings = { ...defaultSettings, ...changes };
      await tenants.addGroup({ label, tenant: 'default', settings }, 'test', new Date());
    }
  });
  const trust = ['--anchor', maker.anchorFile, '--serial-from', 'subject:serialNumber'];
  await server.json('manufacturer', 'add', 'maker', ...trust);
});

function settingsOf(template: string): Partial<GroupSettings> {
  return provisioningTemplate(template)?.settings ?? assert.fail(template);
}

const endpoint = 'mqtts://broker.example:8883';
const certificateIn = (device: ExampleDevice) => new X509Certificate(device.read('device.pem'));
const setStatus = (id: string, status: 'active' | 'blocked') =>
  withStores({ data: server.data }, ({ devices }) =>
    devices.setStatus(id, status, 'test', new Date()),
  );

/** Of a group whose devices have no password. */
const register = (id: string, group: string, known: Partial<NewDevice> = {}) =>
  withStores({ data: server.data }, ({ devices }) =>
    devices.add({ id, tenant: 'default', group, names: [], ...known }, 'test', new Date()),
  );

/** As `bestow init` prints it. */
function fingerprint(): string {
  return new X509Certificate(server.root).fingerprint256;
}

async function assertEnrolled(device: ExampleDevice, subject: string) {
  const { names, forOthers } = device.files;
  assert.deepEqual(names, ['cacerts.pem', 'device.pem', 'root.pem', 'server']);
  assert.equal(forOthers, 0, 'files that others may read');
  const certificate = certificateIn(device);
  assert.equal(certificate.subject, subject);
  // Certificate, chain and key in one, and nothing else is needed.
  const file = device.at('device.pem');
  const verify = ['verify', '-purpose', 'sslclient', '-CAfile', server.rootFile];
  await run('openssl', [...verify, '-untrusted', file, file]);
  const shown = await device.must(['show']);
  assert.match(shown, new RegExp(`^endpoint=${endpoint}$`, 'm'));
}

test('the Node.js client imports nothing but Node.js and itself', () => {
  const directory = new URL('../../examples/node/', import.meta.url);
  const files = readdirSync(directory);
  const imported = files.flatMap((file) =>
    [
      ...readFileSync(new URL(file, directory), 'utf8').matchAll(/(?:from|import\()\s*'([^']+)'/g),
    ].map(([, name = '']) => name),
  );
  assert.ok(imported.length > files.length);
  for (const name of imported) assert.match(name, /^(node:[a-z/]+|\.\/[a-z-]+\.mjs)$/);
});

test('the scripts are read by any shell', { timeout }, async () => {
  for (const shell of ['dash', 'sh'])
    for (const script of ['est-device.sh', 'endpoint.sh'])
      await run(shell, ['-n', new URL(`../../examples/shell/${script}`, import.meta.url).pathname]);
});

for (const kind of exampleKinds)
  describe(`the ${kind} client`, { timeout }, () => {
    test('pairs by a QR code, and enrolls without a secret in the list of processes', async () => {
      using device = new ExampleDevice(kind);
      const id = `kiosk-${kind}`;
      await enlist(server, { [id]: { group: 'kiosks' } });
      const { uri, code } = await server.json<{ uri: string; code: string }>('pair', id);

      const wrong = uri.replace(/f=.{4}/, 'f=AAAA');
      const refused = await device.run(['pair'], wrong);
      assert.equal(refused.exitCode, 1);
      assert.match(refused.stderr, /no root certificate with the fingerprint 000000/);
      assert.deepEqual(device.files.names, [], 'nothing is kept of a server that is not the one');
      const other = await device.run(['pair'], 'https://evil.example/');
      assert.match(other.stderr, /is no pairing URI/);

      const log = listProcesses(device);
      await device.must(['pair'], `${uri}\r\n`);
      assert.deepEqual(device.files, {
        names: ['cacerts.pem', 'credential', 'root.pem', 'server'],
        forOthers: 0,
      });
      assert.equal(device.read('root.pem').trim(), server.root.trim());
      await device.must(['enroll']);
      await assertEnrolled(device, `CN=${id}`);
      if (kind === 'shell') {
        const started = readFileSync(log, 'utf8');
        assert.match(started, /curl .*simpleenroll/);
        assert.ok(!started.includes(code.replaceAll('-', '')), started);
      }
    });

    test('trusts a fingerprint, enrolls by a one-time password, and says why a wrong one is refused', async () => {
      using device = new ExampleDevice(kind);
      const id = `typed-${kind}`;
      const { [id]: password } = await enlist(server, { [id]: { group: 'kiosks' } });
      const url = `${server.est}/kiosks`;
      assert.equal((await device.run(['trust', url, maker.anchorFile])).exitCode, 1);
      assert.deepEqual(
        device.files.names.filter((name) => name === 'server'),
        [],
      );
      await device.must(['trust', url, fingerprint()]);

      const enroll = (typed: string) => device.run(['enroll', '-u', id, '-p', '-'], typed);
      const wrong = await enroll('wrong "\\ password');
      assert.equal(wrong.exitCode, 1);
      const [, requestId] =
        /401: The credential was not accepted.*\(request ([\w-]+)\)/.exec(wrong.stderr) ?? [];
      await eventually(() => server.logLines({ msg: 'request', requestId }).length === 1);
      const mistyped = await enroll('0123-456-7890');
      assert.match(mistyped.stderr, /400: The pairing code is mistyped: its check digit/);
      const foreign = await device.run(
        ['enroll', '-s', '/CN=other', '-u', id, '-p', '-'],
        password,
      );
      assert.match(foreign.stderr, /403: The request's subject \(commonName=other\) is not what/);
      const none = await device.run(['enroll']);
      assert.match(none.stderr, /401: /);
      assert.equal((await enroll(`${password}\n`)).exitCode, 0);
      await assertEnrolled(device, `CN=${id}`);
    });

    test('enrolls by the certificate of its manufacturer', async () => {
      using device = new ExampleDevice(kind);
      const id = `pump-${kind}`;
      const serialNumber = `SN-${kind}`;
      await register(id, 'pumps', { manufacturer: 'maker', serialNumber });
      const { chainFile, keyFile } = maker.device(serialNumber);
      await device.must(['trust', `${server.est}/pumps`, server.rootFile]);
      await device.must(['enroll', '-c', chainFile, '-k', keyFile]);
      await assertEnrolled(device, `CN=${id}\nserialNumber=${serialNumber}`);
    });

    test('comes with its name alone, is known by its key, and enrolls again by that', async () => {
      const [first, second] = [new ExampleDevice(kind), new ExampleDevice(kind)];
      using both = new DisposableStack();
      const id = `edge-${kind}`;
      await register(id, 'edge');
      for (const device of [first, second])
        await both.use(device).must(['trust', `${server.est}/edge`, fingerprint()]);
      await first.must(['enroll', '-s', `/CN=${id}`]);
      await assertEnrolled(first, `CN=${id}`);
      const copy = await second.run(['enroll', '-s', `/CN=${id}`]);
      assert.equal(copy.exitCode, 1);
      assert.match(copy.stderr, /403: .*came with another key before/);
      const { publicKey } = certificateIn(first);
      await first.must(['enroll', '-s', `/CN=${id}`]);
      assert.ok(certificateIn(first).publicKey.equals(publicKey));
      await first.must(['renew', '-f']);
      assert.ok(!certificateIn(first).publicKey.equals(publicKey));
      await assertEnrolled(first, `CN=${id}`);
    });

    test('makes codes that can be shown, each another, with the check digit that servers expect', async () => {
      using device = new ExampleDevice(kind);
      const codes = await Promise.all(Array.from({ length: 8 }, () => device.must(['code'])));
      assert.equal(new Set(codes).size, codes.length);
      for (const code of codes) {
        assert.match(code, /^\d{4}-\d{3}-\d{4}\n$/);
        assert.equal(readPairingCode(code.trim())?.kind, 'numeric-pairing-code');
      }
    });

    test('enrolls by the credential of its batch, and gets a name made of its key', async () => {
      using device = new ExampleDevice(kind);
      const order = ['bootstrap', 'create', '--group', 'batch', '--quota', '1', '--ttl', '1h'];
      const { id, secret } = await server.json<{ id: string; secret: string }>(...order);
      await device.must(['trust', `${server.est}/batch`, fingerprint()]);
      await device.must(['enroll', '-u', id, '-p', '-'], secret);
      const key = certificateIn(device).publicKey.export({ type: 'spki', format: 'der' });
      await assertEnrolled(device, `CN=dev-${hash('sha256', key, 'hex').slice(0, 32)}`);
      using late = new ExampleDevice(kind);
      await late.must(['trust', `${server.est}/batch`, fingerprint()]);
      const refused = await late.run(['enroll', '-u', id, '-p', '-'], secret);
      assert.match(refused.stderr, /403: .*is used up/);
    });

    test('shows a code that an operator types', async () => {
      using device = new ExampleDevice(kind);
      await device.must(['trust', `${server.est}/display`, fingerprint()]);
      writeFileSync(device.at('shown'), await device.must(['code']), { mode: 0o600 });
      const enroll = ['enroll', '-u', 'display', '-p', device.at('shown')];
      const now = await device.run([...enroll, '-w', '0']);
      assert.equal(now.exitCode, 75, now.stderr);
      await server.json('pending', 'approve', '--code-file', device.at('shown'));
      await device.must(enroll);
      rmSync(device.at('shown'));
      const key = certificateIn(device).publicKey.export({ type: 'spki', format: 'der' });
      await assertEnrolled(device, `CN=dev-${hash('sha256', key, 'hex').slice(0, 32)}`);
    });

    test('comes with a name of its own, and takes the one that an operator gives it', async () => {
      using device = new ExampleDevice(kind);
      await device.must(['trust', `${server.est}/legacy`, fingerprint()]);
      const enroll = ['enroll', '-s', '/CN=PLC 0042'];
      const now = await device.run([...enroll, '-w', '0']);
      const [, request = ''] = /as (req-\w+)/.exec(now.stderr) ?? assert.fail(now.stderr);
      await server.json('pending', 'approve', request, '--as', `plc-${kind}`);
      await device.must(enroll);
      await assertEnrolled(device, `CN=plc-${kind}`);
    });

    test('asks again until a person has approved, with one key all the time', async () => {
      using device = new ExampleDevice(kind);
      const id = `gateway-${kind}`;
      const { [id]: password = '' } = await enlist(server, { [id]: { group: 'gateways' } });
      await device.must(['trust', `${server.est}/gateways`, fingerprint()]);
      writeFileSync(device.at('password'), password, { mode: 0o600 });
      const enroll = ['enroll', '-s', `/CN=${id}`, '-u', id, '-p', device.at('password')];
      const now = await device.run([...enroll, '-w', '0']);
      assert.equal(now.exitCode, 75, now.stderr);
      const [, request = ''] =
        /202: The request waits for approval as (req-\w+)/.exec(now.stderr) ?? [];
      assert.match(now.stderr, /Ask again in 1 seconds/);
      const key = device.read('pending.key');

      const waiting = device.start(enroll);
      await eventually(() => waiting.said().includes('Asking again in 1 seconds.'));
      await server.json('pending', 'approve', request);
      const { exitCode, stderr } = await waiting.ended;
      assert.equal(exitCode, 0, stderr);
      assert.ok(device.read('device.pem').includes(key));
      rmSync(device.at('password'));
      await assertEnrolled(device, `CN=${id}`);
    });

    test('renews in time, with a new key and the names that it has, and not before', async () => {
      using device = new ExampleDevice(kind);
      const id = `sensor-${kind}`;
      const names = [`DNS:${id}.example`, 'IP:2001:db8::7', 'URI:urn:x:a,b'];
      const known = { group: 'sensors', names, site: 'Halle "7", $Süd\\', serialNumber: '0 7' };
      const { [id]: password } = await enlist(server, { [id]: known });
      await device.must(['trust', `${server.est}/sensors`, fingerprint()]);
      await device.must(['enroll', '-u', id, '-p', '-'], password);
      const first = certificateIn(device);
      await device.must(['renew']);
      const second = certificateIn(device);
      assert.notEqual(second.serialNumber, first.serialNumber);
      assert.deepEqual(
        [second.subject, second.subjectAltName],
        [first.subject, first.subjectAltName],
      );
      assert.ok(!second.publicKey.equals(first.publicKey));
      await assertEnrolled(device, second.subject);

      await setStatus(id, 'blocked');
      const before = device.read('device.pem');
      const refused = await device.run(['renew']);
      assert.equal(refused.exitCode, 1);
      assert.match(refused.stderr, new RegExp(`403: Device ${id} is blocked\\.`));
      assert.equal(device.read('device.pem'), before, 'what it has is kept');
      await setStatus(id, 'active');
      await server.json('group', 'set', 'sensors', '--profile', 'device');
      try {
        await device.must(['renew']);
        const third = device.read('device.pem');
        assert.notEqual(third, before);
        await device.must(['renew']);
        assert.equal(device.read('device.pem'), third, 'it is young');
        await device.must(['renew', '-f']);
        assert.notEqual(device.read('device.pem'), third);
      } finally {
        await server.json('group', 'set', 'sensors', '--profile', 'brief');
      }
    });
  });

/** Puts programs before curl and openssl that write down how they were started. @returns their log */
function listProcesses(device: ExampleDevice): string {
  const programs = mkdtempSync(join(directory, 'programs-'));
  const log = join(programs, 'log');
  for (const name of ['curl', 'openssl', 'mosquitto_pub']) {
    const script = `#!/bin/sh\nprintf '%s\\n' "${name} $*" >> '${log}'\nPATH=\${PATH#*:} exec ${name} "$@"\n`;
    writeFileSync(join(programs, name), script);
    chmodSync(join(programs, name), 0o755);
  }
  device.path = `${programs}:`;
  return log;
}
