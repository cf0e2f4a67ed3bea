/**
 * A device comes with nothing but the certificate of its manufacturer (IEEE 802.1AR), and curl for a client.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { hash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { withStores } from '../../cli/data.ts';
import type { GroupSettings } from '../../enrollment/group-settings.ts';
import { BestowServer } from '../support/bestow.ts';
import { certificateOf, makeKey } from '../support/est-client.ts';
import { FactoryCa, type FactoryDevice } from '../support/factory-ca.ts';
import { auditOf } from '../support/registry.ts';

const run = promisify(execFile);

describe('factory certificates', () => {
  let server: BestowServer;
  const maker = new FactoryCa();
  const stranger = new FactoryCa('Stranger');
  const directory = mkdtempSync(join(tmpdir(), 'bestow-factory-clients-'));

  before(async () => {
    server = await BestowServer.start();
    await withStores({ data: server.data }, async ({ tenants }) => {
      for (const id of ['acme', 'globex'])
        await tenants.add({ id, endpoints: [], label: id }, 'test', new Date());
    });
    for (const label of ['acme', 'globex'])
      await set(label, { identity: 'factory-certificate', possession: 'none' });
    const trust = ['--anchor', maker.anchorFile, '--serial-from', 'subject:serialNumber'];
    const tenants = ['--tenant', 'acme', '--tenant', 'default'];
    const added = await server.cli('manufacturer', 'add', 'maker', ...trust, ...tenants);
    assert.equal(added.exitCode, 0, added.stderr);
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    maker[Symbol.dispose]();
    stranger[Symbol.dispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  let count = 0;
  const register = async (serialNumber: string, tenant = 'acme') => {
    const id = `pump-${++count}`;
    const device = { id, tenant, names: [], manufacturer: 'maker', serialNumber };
    const outcome = await withStores({ data: server.data }, ({ devices }) =>
      devices.add(device, 'test', new Date()),
    );
    assert.equal(outcome.kind, 'added');
    return id;
  };
  const set = (label: string, changes: Partial<GroupSettings>) =>
    withStores({ data: server.data }, ({ tenants }) =>
      tenants.changeSettings(label, changes, 'test', new Date()),
    );

  interface Sending {
    readonly path?: string;
    readonly tls?: '1.2' | '1.3';
    readonly request: Uint8Array;
    /** What stands for the client: certificate with what is sent above it, and key. */
    readonly files: readonly [certificate: string, key: string];
    readonly headers?: readonly string[];
  }

  async function curl({ path = 'acme/simpleenroll', tls = '1.3', request, files }: Sending) {
    const body = join(directory, `request-${++count}`);
    writeFileSync(body, Buffer.from(request).toString('base64'));
    const [certificate, key] = files;
    const { stdout } = await run('curl', [
      ...['--silent', '--cacert', server.rootFile, '--cert', certificate, '--key', key],
      ...[`--tlsv${tls}`, '--tls-max', tls, '--write-out', '\n%{http_code}'],
      ...['-H', 'Content-Type: application/pkcs10', '--data-binary', `@${body}`],
      `${server.est}/${path}`,
    ]);
    const at = stdout.lastIndexOf('\n');
    return { status: Number(stdout.slice(at + 1)), body: stdout.slice(0, at) };
  }

  const filesOf = ({ chainFile, keyFile }: FactoryDevice) => [chainFile, keyFile] as const;
  const answered = ({ status, body }: { status: number; body: string }) =>
    certificateOf({ status, headers: {}, rawHeaders: [], body });

  for (const tls of ['1.2', '1.3'] as const)
    test(`it enrolls by TLS ${tls}, and renews with what it got`, async () => {
      const serial = `SN-${tls}`;
      const id = await register(serial);
      const files = filesOf(maker.device(serial));
      const key = makeKey();
      const sending = { tls, request: key.request('/'), files };
      const issued = answered(await curl(sending));
      assert.equal(new X509Certificate(issued).subject, `CN=${id}\nserialNumber=${serial}`);
      assert.equal(answered(await curl(sending)), issued, 'a lost answer');

      const own = [join(directory, `${id}.pem`), join(directory, `${id}.key`)] as const;
      writeFileSync(own[0], issued);
      writeFileSync(own[1], key.key);
      const subject = `/CN=${id}/serialNumber=${serial}`;
      const renewal = { tls, path: 'acme/simplereenroll', request: makeKey().request(subject) };
      assert.notEqual(answered(await curl({ ...renewal, files: own })), issued);
      assert.equal((await curl({ ...renewal, files })).status, 403, 'by the factory certificate');
    });

  test('it enrolls once, until an operator resets it', async () => {
    const id = await register('once');
    const files = filesOf(maker.device('once'));
    const enroll = () => curl({ request: makeKey().request('/'), files });
    assert.equal((await enroll()).status, 200);
    const again = await enroll();
    assert.equal(again.status, 403);
    assert.match(again.body, new RegExp(`bestow device reset-factory ${id}`));
    await server.json('device', 'reset-factory', id);
    assert.equal((await enroll()).status, 200);
    await set('acme', { factoryUse: 'repeatedly' });
    assert.equal((await enroll()).status, 200);
    await set('acme', { factoryUse: 'once' });
  });

  test('a copy with another key is refused and reported once', async () => {
    const id = await register('copied');
    const [original, copy] = [maker.device('copied'), maker.device('copied')];
    const request = makeKey().request('/');
    answered(await curl({ request, files: filesOf(original) }));
    for (let attempt = 0; attempt < 2; attempt++) {
      const refused = await curl({ request: makeKey().request('/'), files: filesOf(copy) });
      assert.equal(refused.status, 403);
      assert.match(refused.body, /another key/);
    }
    const reports = auditOf(server, 'device.foreign-factory-key').filter((e) => e.object === id);
    assert.equal(reports.length, 1);
    const spki = new X509Certificate(readFileSync(copy.certificateFile)).publicKey;
    const digest = hash('sha256', spki.export({ type: 'spki', format: 'der' }), 'hex');
    assert.equal(reports[0]?.details.publicKeyDigest, digest);
    answered(await curl({ request, files: filesOf(original) }));
    await server.json('device', 'reset-factory', id, '--unpin');
    answered(await curl({ request: makeKey().request('/'), files: filesOf(copy) }));
  });

  test('who is not listed, or elsewhere, is refused with one answer', async () => {
    await register('elsewhere');
    const request = makeKey().request('/');
    for (const [serial, path] of [
      ['nobody', 'acme/simpleenroll'],
      ['elsewhere', 'globex/simpleenroll'],
    ] as const) {
      const refused = await curl({ path, request, files: filesOf(maker.device(serial)) });
      assert.equal(refused.status, 403, serial);
      assert.match(refused.body, /The registry lists no device/);
    }
  });

  test('a group that accepts none refuses it', async () => {
    await register('off', 'default');
    const files = filesOf(maker.device('off'));
    const request = makeKey().request('/');
    for (const path of ['default/simpleenroll', 'simpleenroll'])
      assert.equal((await curl({ path, request, files })).status, 401, path);
    await set('default', { identity: 'factory-certificate', possession: 'none' });
    answered(await curl({ path: 'default/simpleenroll', request, files }));
  });

  test('without a label it is known by its certificate alone', async () => {
    const id = await register('label-less');
    const files = filesOf(maker.device('label-less'));
    const sending = { path: 'simpleenroll', request: makeKey().request(`/CN=${id}`), files };
    answered(await curl(sending));
  });

  test('paths that are not good identify nobody', async () => {
    await register('path');
    const { certificateFile, keyFile } = maker.device('path');
    const request = makeKey().request('/');
    const cases: Record<string, readonly [string, string]> = {
      'an expired intermediate': filesOf(maker.device('path', { byExpired: true })),
      'an expired certificate': filesOf(maker.device('path', { notAfter: '20210101000000Z' })),
      'the intermediate not sent': [certificateFile, keyFile],
      'another manufacturer': filesOf(stranger.device('path')),
      'for servers alone': filesOf(
        maker.device('path', { extensions: ['extendedKeyUsage=serverAuth'] }),
      ),
    };
    for (const [what, files] of Object.entries(cases)) {
      const refused = await curl({ request, files });
      // No password is accepted here, so that there is no challenge.
      assert.equal(refused.status, 403, what);
      assert.match(refused.body, /A valid client certificate is needed here/);
    }
    answered(await curl({ request, files: filesOf(maker.device('path')) }));
  });

  test('it is good for enrollment and for nothing else', async () => {
    await register('elsewise');
    const { chainFile, keyFile } = maker.device('elsewise');
    for (const operation of ['eecerts', 'pal']) {
      const { stdout } = await run('curl', [
        ...['--silent', '--cacert', server.rootFile, '--cert', chainFile, '--key', keyFile],
        ...['--write-out', '%{http_code}', '--output', '/dev/null'],
        `${server.est}/acme/${operation}`,
      ]);
      assert.equal(stdout, '403', operation);
    }
    answered(await curl({ request: makeKey().request('/'), files: [chainFile, keyFile] }));
  });

  test('a key is made for it where the group has that', async () => {
    await register('keyless');
    await set('acme', { serverKeys: 'platform', serverKeyDelivery: 'plain-allowed' });
    const files = filesOf(maker.device('keyless'));
    const path = 'acme/serverkeygen';
    const { status, body } = await curl({ path, request: makeKey().request('/'), files });
    assert.equal(status, 200);
    assert.match(body, /application\/pkcs8/);
  });

  test('what is asked for must be what the registry has', async () => {
    await register('named');
    const files = filesOf(maker.device('named'));
    const refused = await curl({ request: makeKey().request('/CN=pump-1'), files });
    assert.equal(refused.status, 403);
    assert.match(refused.body, /is not what the registry holds/);
  });

  test('bestow manufacturer test says what a certificate would be taken for', async () => {
    const id = await register('tried');
    const { chainFile, certificateFile } = maker.device('tried');
    const good = await server.json<Record<string, unknown>>('manufacturer', 'test', chainFile);
    assert.deepEqual(
      [good.chains, good.manufacturer, good.serialNumber, good.device, good.refused],
      [true, 'maker', 'tried', id, undefined],
    );
    const alone = await server.cli('manufacturer', 'test', certificateFile);
    assert.equal(alone.exitCode, 1);
    assert.match(alone.stdout, /No path of at most 6 certificates/);
    const chained = ['--chain', maker.intermediateFile];
    assert.equal(
      (await server.cli('manufacturer', 'test', certificateFile, ...chained)).exitCode,
      0,
    );
    const other = stranger.device('x', { subject: '/CN=Valve-77-EU' }).chainFile;
    const trial = ['--anchor', stranger.anchorFile, '--serial-from'];
    const pattern = 'subject:commonName=Valve-{serial}-EU';
    const tried = await server.cli('manufacturer', 'test', other, ...trial, pattern, '--json');
    assert.equal(JSON.parse(tried.stdout).serialNumber, '77');
  });

  test('trust is kept apart from the own CA, and taken away with care', async () => {
    const from = ['--serial-from', 'subject:serialNumber'];
    const own = await server.cli(
      'manufacturer',
      'add',
      'own',
      '--anchor',
      server.rootFile,
      ...from,
    );
    assert.equal(own.exitCode, 2);
    assert.match(own.stderr, /own CA/);
    const twice = ['manufacturer', 'add', 'twin', '--anchor', maker.anchorFile, ...from];
    assert.equal((await server.cli(...twice)).exitCode, 5);
    const listed = ['--manufacturer', 'maker', '--serial-number', 'last', '--group'];
    const foreign = await server.cli('device', 'add', 'last', ...listed, 'globex');
    assert.match(foreign.stderr, /not one for tenant/);
    await server.json('device', 'add', 'last', ...listed, 'acme');
    const files = filesOf(maker.device('last'));
    assert.equal((await server.cli('manufacturer', 'remove', 'maker')).exitCode, 5);
    assert.equal((await server.cli('manufacturer', 'remove', 'maker', '--force')).exitCode, 0);
    assert.equal((await curl({ request: makeKey().request('/'), files })).status, 403);
  });
});
