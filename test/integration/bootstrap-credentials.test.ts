/**
 * A batch of devices shares one credential: quota, window, lost answers, ids made of keys. The devices are curl with OpenSSL,
 * and strongSwan; the server has two workers.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { createBootstrapCredential } from '../../cli/commands/bootstrap.ts';
import { withStores } from '../../cli/data.ts';
import {
  hashBootstrapSecret,
  makeBootstrapId,
  makeBootstrapSecret,
} from '../../enrollment/bootstrap-credential.ts';
import { defaultSettings } from '../../enrollment/group-settings.ts';
import { readSecret } from '../../server/config.ts';
import { assertRefused } from '../support/assert-refused.ts';
import { BestowServer } from '../support/bestow.ts';
import { type CurlAnswer, type CurlDevice, curlDevice } from '../support/curl-device.ts';
import { makeKey, openssl, post } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';
import { auditOf } from '../support/registry.ts';

const timeout = 60_000;
const run = promisify(execFile);

interface Made {
  readonly id: string;
  readonly secret: string;
}
interface Shown {
  readonly state: string;
  readonly uses: number;
  readonly exceededAt?: string;
  readonly usedBy: readonly { readonly device: string; readonly publicKeyDigest: string }[];
}

describe('a batch with one bootstrap credential', () => {
  let server: BestowServer;
  let device: CurlDevice;
  before(async () => {
    server = await BestowServer.start({
      configure: ({ est = {} }) =>
        Object.assign(est, { workers: 2, failures: { ...(est.failures ?? {}), perSource: 1000 } }),
    });
    device = curlDevice(server);
    await server.json('group', 'add', 'batch', '--template', 'batch');
    await withStores({ data: server.data }, async ({ tenants, devices }) => {
      const settings = (await tenants.groupOf('batch'))?.settings ?? assert.fail();
      const [by, now] = ['test', new Date()] as const;
      const listed = { ...settings, identity: 'registered' } as const;
      const weak = { ...defaultSettings, serverKeys: 'platform' } as const;
      await tenants.addGroup({ label: 'listed', tenant: 'default', settings: listed }, by, now);
      await tenants.addGroup({ label: 'weak', tenant: 'default', settings: weak }, by, now);
      await tenants.add(
        { id: 'globex', endpoints: ['mqtts://g.example'], label: 'theirs' },
        by,
        now,
      );
      await tenants.changeSettings('theirs', settings, by, now);
      await devices.add({ id: 'pump-1', tenant: 'default', group: 'listed', names: [] }, by, now);
      await devices.add({ id: 'pump-2', tenant: 'default', group: 'batch', names: [] }, by, now);
    });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    device[Symbol.dispose]();
  });

  /** In this process: to start a command takes half a second of a processor. */
  const create = (group: string, quota: number, from?: string): Promise<Made> =>
    withStores({ data: server.data }, (stores, config) => {
      const order = { group, quota: String(quota), ttl: '30d', ...(from ? { from } : {}) };
      return createBootstrapCredential(stores, config, order);
    });
  const usesOf = (id: string) =>
    withStores({ data: server.data }, async ({ bootstrapCredentials }) => {
      const { uses } = (await bootstrapCredentials.find(id)) ?? assert.fail();
      return uses;
    });
  const enroll = (
    { id, secret }: Made,
    request = device.request(device.key(), '/'),
    path = 'batch/simpleenroll',
  ): Promise<CurlAnswer> => device.enroll(path, request, { user: [id, secret] });
  /** The log is written when the answer is on its way. */
  const reasonOf = ({ headers }: CurlAnswer) =>
    eventually(() => {
      const [line] = server.logLines({ msg: 'request', requestId: headers['x-request-id'] });
      return line && String(line.reason);
    });

  /** As an engineer finds it out: `dev-` and the first half of the SHA-256 of the public key. */
  function idOf(key: string): string {
    const spki = openssl(['pkey', '-in', key, '-pubout', '-outform', 'DER']);
    return `dev-${createHash('sha256').update(spki).digest('hex').slice(0, 32)}`;
  }

  test('five devices and a quota of three: three enroll, the fourth hears why not', {
    timeout,
  }, async () => {
    const terms = ['--group', 'batch', '--quota', '3', '--ttl', '30d'];
    const made = await server.json<Made>('bootstrap', 'create', ...terms);
    const sent: { key: string; request: string; answer: CurlAnswer }[] = [];
    for (let i = 0; i < 5; i++) {
      const key = device.key();
      const request = device.request(key, '/');
      if (i === 1) {
        const foreign = await enroll(made, device.request(key, '/CN=somebody'));
        assert.equal(foreign.status, 403, 'a request that names somebody else');
        assert.equal(await usesOf(made.id), 1, 'who is refused uses nothing');
      }
      sent.push({ key, request, answer: await enroll(made, request) });
    }
    assert.deepEqual(
      sent.map(({ answer }) => answer.status),
      [200, 200, 200, 403, 403],
    );
    for (const { key, request, answer } of sent.slice(0, 3)) {
      const certificate = device.certificateIn(answer);
      const subject = openssl(['x509', '-noout', '-subject', '-nameopt', 'RFC2253'], certificate);
      assert.equal(subject.toString().trim(), `subject=CN=${idOf(key)}`);
      const again = await enroll(made, request);
      assert.equal(device.certificateIn(again), certificate, 'a lost answer');
    }
    const refused = sent[3]?.answer ?? assert.fail();
    assert.match(refused.body, new RegExp(`${made.id} is used up: it was for 3 device.*request`));
    const shown = await server.json<Shown>('bootstrap', 'show', made.id);
    assert.deepEqual([shown.state, shown.uses, shown.usedBy.length], ['used-up', 3, 3]);
    assert.deepEqual(
      shown.usedBy.map(({ device: id }) => id).sort(),
      sent
        .slice(0, 3)
        .map(({ key }) => idOf(key))
        .sort(),
    );
    assert.ok(shown.exceededAt);
    const told = auditOf(server, 'certificate.refused').filter(({ object }) => object === made.id);
    assert.equal(told.length, 1, 'the first of them is on record');
    const spent = auditOf(server, 'bootstrap-credential.used-up');
    assert.equal(spent.filter(({ object }) => object === made.id).length, 1);
    const { stdout } = await server.cli('doctor');
    assert.match(stdout, new RegExp(`warn +bootstrap credentials: ${made.id}.*more have come`));
  });

  test('twenty at once and a quota of five', { timeout }, async () => {
    const { id: user, secret: password } = await create('batch', 5);
    const requests = Array.from({ length: 20 }, () => makeKey().request('/'));
    const answers = await Promise.all(
      requests.map((request) =>
        post(`${server.est}/batch/simpleenroll`, server.root, request, { user, password }),
      ),
    );
    const statuses = answers.map(({ status }) => status);
    assert.equal(statuses.filter((status) => status === 200).length, 5, String(statuses));
    assert.equal(statuses.filter((status) => status === 403).length, 15);
    assert.equal(await usesOf(user), 5);
  });

  test('before its window, after it, and revoked', { timeout }, async () => {
    const from = tomorrow();
    const early = await enroll(await create('batch', 3, from));
    assert.equal(early.status, 403);
    assert.match(early.body, new RegExp(`can be used from ${from} on; here it is`));

    const ended = await endedCredential();
    const late = await enroll(ended);
    assert.equal(late.status, 403);
    assert.match(late.body, /could be used until .*bestow bootstrap create/);
    const guessed = await enroll({ ...ended, secret: makeBootstrapSecret() });
    assert.deepEqual([guessed.status, guessed.body], [401, ''], 'a stranger hears nothing');

    const made = await create('batch', 3);
    const request = device.request(device.key(), '/');
    assert.equal((await enroll(made, request)).status, 200);
    await server.json('bootstrap', 'revoke', made.id);
    for (const asked of [request, device.request(device.key(), '/')]) {
      const refused = await enroll(made, asked);
      assert.deepEqual([refused.status, refused.body], [401, '']);
      assert.match(await reasonOf(refused), /is revoked/);
    }
    assert.equal(await usesOf(made.id), 1);
  });

  /** As one that was made a month ago. */
  function endedCredential(): Promise<Made> {
    return withStores({ data: server.data }, async ({ bootstrapCredentials }, { pepper }) => {
      const [id, secret] = [makeBootstrapId(), makeBootstrapSecret()];
      const before = (ms: number) => new Date(Date.now() - ms);
      const secretHash = hashBootstrapSecret(id, secret, Buffer.from(readSecret(pepper, 'pepper')));
      const times = {
        notBefore: before(90_000),
        notAfter: before(1000),
        createdAt: before(90_000),
      };
      const terms = { group: 'batch', quota: 3, ...times, by: 'test' };
      assert.equal(await bootstrapCredentials.create({ id, secretHash, ...terms }), undefined);
      return { id, secret };
    });
  }

  test('it is of its own group, and a secret of its own id', { timeout }, async () => {
    const [ours, theirs] = [await create('batch', 3), await create('theirs', 3)];
    const request = device.request(device.key(), '/');
    const cases: [Made, string, RegExp][] = [
      [ours, 'theirs/simpleenroll', /is not of the group theirs/],
      [ours, 'default/simpleenroll', /is not of the group default/],
      [{ ...ours, id: theirs.id }, 'batch/simpleenroll', /No such bootstrap credential/],
      [{ ...ours, id: 'boot-0000000000' }, 'simpleenroll', /No such bootstrap credential/],
      // Where an id is left out, it is a password like any other.
      [{ ...ours, id: '' }, 'simpleenroll', /No such one-time password/],
    ];
    for (const [credential, path, reason] of cases) {
      const before = auditOf(server, 'authentication.failed').length;
      const refused = await enroll(credential, request, path);
      assert.deepEqual([refused.status, refused.body], [401, ''], path);
      assert.match(refused.headers['www-authenticate'] ?? '', /^Basic /);
      assert.match(await reasonOf(refused), reason);
      assert.equal(auditOf(server, 'authentication.failed').length, before + 1, 'counted once');
    }
    const without = await enroll(theirs, request, 'simpleenroll');
    assert.equal(without.status, 200, 'without a label its group is the one');
    const seen = auditOf(server, 'device.added').at(-1);
    assert.equal(seen?.details.tenant, 'globex');
    assert.deepEqual([await usesOf(ours.id), await usesOf(theirs.id)], [0, 1]);
  });

  test('a device renews to another key, and its old one is refused and reported', {
    timeout,
  }, async () => {
    const made = await create('batch', 2);
    const [key, next] = [device.key(), device.key()];
    const name = `/CN=${idOf(key)}`;
    const first = await enroll(made, device.request(key, name));
    const certificate = device.certificateIn(first);
    const request = device.request(next, name);
    const renewed = await device.enroll('batch/simplereenroll', request, { key, certificate });
    assert.equal(renewed.status, 200, renewed.body);
    const old = await enroll(made, device.request(key, name));
    assert.equal(old.status, 403);
    assert.match(old.body, /came with another key before/);
    const reports = auditOf(server, 'device.foreign-key');
    assert.equal(reports.filter(({ object }) => object === idOf(key)).length, 1);
    const known = await enroll(made, request);
    assert.equal(known.status, 200, known.body);
    const { subject } = new X509Certificate(device.certificateIn(known));
    assert.equal(subject, `CN=${idOf(key)}`, 'the id stays');
    assert.equal(await usesOf(made.id), 1);
  });

  test('a certificate that was revoked is not given anew', { timeout }, async () => {
    const made = await create('batch', 2);
    const [key, other] = [device.key(), device.key()];
    const request = device.request(key, '/');
    const { serialNumber } = new X509Certificate(device.certificateIn(await enroll(made, request)));
    const revoked = await server.cli('cert', 'revoke', serialNumber.toLowerCase());
    assert.equal(revoked.exitCode, 0, revoked.stderr);
    const again = await enroll(made, request);
    assert.equal(again.status, 403);
    assert.match(again.body, /was revoked after it came with the bootstrap credential/);
    assert.equal((await enroll(made, device.request(other, '/'))).status, 200);
  });

  test('registered devices: the CN says which, each is one key', { timeout }, async () => {
    const made = await create('listed', 2);
    const path = 'listed/simpleenroll';
    const asked = (subject: string) => enroll(made, device.request(device.key(), subject), path);
    assert.equal((await asked('/CN=pump-1')).status, 200);
    for (const [subject, says] of [
      ['/CN=pump-1', /came with another key before/],
      ['/CN=pump-2', /expects no device of that name/],
      ['/', /says by the CN/],
    ] as const) {
      const refused = await asked(subject);
      assert.equal(refused.status, 403, subject);
      assert.match(refused.body, says);
    }
    assert.equal(await usesOf(made.id), 1);
  });

  test('it is for enrollment alone, and for keys that the device has', { timeout }, async () => {
    const made = await create('batch', 2);
    const credentials = { user: made.id, password: made.secret };
    const ask = (path: string, options: object = {}) =>
      post(`${server.est}/${path}`, server.root, makeKey().request('/'), {
        ...credentials,
        ...options,
      });
    for (const [path, options, reason] of [
      ['serverkeygen', {}, /where the server makes the key/],
      ['batch/simplereenroll', {}, /no client certificate/],
      ['batch/pal', { method: 'GET' }, /No such one-time password/],
    ] as const)
      await assertRefused(server, await ask(path, options), 401, reason);
    assert.equal(await usesOf(made.id), 0);
  });

  test('strongSwan enrolls by it', { timeout }, async () => {
    const made = await create('batch', 1);
    const directory = mkdtempSync(join(tmpdir(), 'bestow-bootstrap-'));
    const file = (name: string) => join(directory, name);
    const options = { cwd: directory, encoding: 'buffer', timeout: 20_000 } as const;
    try {
      const key = device.key();
      const of = ['--in', key, '--type', 'priv', '--dn', `CN=${idOf(key)}`, '--outform', 'der'];
      writeFileSync(file('request'), (await run('pki', ['--req', ...of], options)).stdout);
      const trust = [server.rootFile, join(server.data, 'ca', 'issuing.pem')];
      const { stdout } = await run(
        'pki',
        [
          ...['--est', '--url', server.origin, '--in', file('request'), '--outform', 'pem'],
          ...trust.flatMap((path) => ['--cacert', path]),
          ...['--userpass', `${made.id}:${made.secret}`],
        ],
        options,
      );
      assert.equal(new X509Certificate(stdout).subject, `CN=${idOf(key)}`);
      assert.ok(new X509Certificate(stdout).checkPrivateKey(privateKey(key)));
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  test('the command line: what cannot be, and no secret but the one time', {
    timeout,
  }, async () => {
    const refused: [args: string[], exitCode: number, says: RegExp][] = [
      [
        ['create', '--group', 'default', '--quota', '1', '--ttl', '1d'],
        2,
        /--possession bootstrap/,
      ],
      [['create', '--group', 'batch', '--quota', '1', '--ttl', '367d'], 2, /366 days at most/],
      [['revoke', 'boot-0000000000'], 3, /no bootstrap credential/],
    ];
    for (const [args, exitCode, says] of refused) {
      const result = await server.cli('bootstrap', ...args);
      assert.equal(result.exitCode, exitCode, args.join(' '));
      assert.match(result.stderr, says);
    }
    const terms = ['--group', 'batch', '--quota', '60', '--ttl', '90d', '--from', tomorrow()];
    const made = await server.json<Made>('bootstrap', 'create', ...terms);
    const { stdout } = await server.cli('doctor');
    assert.match(stdout, new RegExp(`${made.id} is shared by 60 devices and open for 90 days`));
    const told = [
      (await server.cli('bootstrap', 'list')).stdout,
      (await server.cli('bootstrap', 'show', made.id)).stdout,
      (await server.cli('bootstrap', 'revoke', made.id)).stdout,
      server.log,
      readFileSync(join(server.data, 'bestow.db'), 'latin1'),
    ];
    for (const text of told) assert.ok(!text.includes(made.secret));
    assert.match(told[2] ?? '', /is revoked/);
  });
});

function tomorrow(): string {
  return new Date(Date.now() + 86_400_000).toISOString();
}

function privateKey(path: string) {
  return createPrivateKey(readFileSync(path));
}
