/** New devices wait for a person who confirms their first key. The devices are curl and OpenSSL, and strongSwan's pki. */

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import { operator, withStores } from '../../cli/data.ts';
import type { CommandError } from '../../cli/exit.ts';
import { approve as decide } from '../../cli/pending/decide.ts';
import { decideAll } from '../../cli/pending/decide-all.ts';
import {
  checkSettings,
  defaultSettings,
  type GroupSettings,
} from '../../enrollment/group-settings.ts';
import { makePairingCode } from '../../enrollment/pairing-code.ts';
import { provisioningTemplate } from '../../enrollment/provisioning-templates.ts';
import type { StagedDevice } from '../../enrollment/staging-area.ts';
import { BestowServer } from '../support/bestow.ts';
import { type CurlAnswer, type CurlCredentials, curlDevice } from '../support/curl-device.ts';
import { eventually } from '../support/eventually.ts';
import { FactoryCa } from '../support/factory-ca.ts';
import { auditOf, enlist } from '../support/registry.ts';

const run = promisify(execFile);
const directory = mkdtempSync(join(tmpdir(), 'bestow-staging-'));
const maker = new FactoryCa();
const server = await BestowServer.start({
  configure: (config) => Object.assign(config.est ?? {}, { waiting: { retryAfter: '1s' } }),
});
const device = curlDevice(server);
after(async () => {
  await server[Symbol.asyncDispose]();
  device[Symbol.dispose]();
  maker[Symbol.dispose]();
  rmSync(directory, { recursive: true, force: true });
});

const groups: Record<string, Partial<GroupSettings>> = {
  field: provisioningTemplate('display')?.settings ?? {},
  old: provisioningTemplate('legacy')?.settings ?? {},
  listed: { trust: 'staging' },
  named: { possession: 'none', trust: 'staging' },
  made: { identity: 'factory-certificate', possession: 'none', trust: 'staging' },
  free: { identity: 'generated', possession: 'none', trust: 'staging' },
};

before(async () => {
  await withStores({ data: server.data }, async ({ tenants }) => {
    for (const [label, changes] of Object.entries(groups)) {
      const settings = checkSettings({ ...defaultSettings, ...changes });
      await tenants.addGroup({ label, tenant: 'default', settings }, 'test', new Date());
    }
  });
  const fields = ['--serial-from', 'subject:serialNumber', '--model-from', 'subject:commonName'];
  const anchor = ['--anchor', maker.anchorFile];
  const added = await server.cli('manufacturer', 'add', 'maker', ...anchor, ...fields);
  assert.equal(added.exitCode, 0, added.stderr);
});

/** One device: a key, and requests by it. */
function newcomer(subject = '/', key = device.key()) {
  const request = device.request(key, subject);
  const ask = (group: string, credentials: CurlCredentials = {}) =>
    device.enroll(`${group}/simpleenroll`, request, credentials);
  return { key, request, ask };
}

function digestOf(key: string): string {
  const spki = execFileSync('openssl', ['pkey', '-in', key, '-pubout', '-outform', 'DER']);
  return createHash('sha256').update(spki).digest('hex');
}

/** The id under which a device waits. */
function waitsAs(answer: CurlAnswer): string {
  assert.equal(answer.status, 202, answer.body);
  assert.equal(answer.headers['retry-after'], '1');
  const [, id = assert.fail(answer.body)] =
    /^The device waits for confirmation as (req-[0-9a-f]{10}); ask again/.exec(answer.body) ?? [];
  return id;
}

function subjectIn(answer: CurlAnswer): string {
  return new X509Certificate(device.certificateIn(answer)).subject;
}

const entry = (id: string) => server.json<StagedDevice & { kind: string }>('pending', 'show', id);
const findEntry = async (id: string) =>
  (await withStores({ data: server.data }, ({ stagingArea }) => stagingArea.find(id))) ??
  assert.fail(id);
const knownAs = async (id: string) =>
  (await withStores({ data: server.data }, ({ devices }) => devices.find(id)))?.device ??
  assert.fail(id);
const change = (label: string, changes: Partial<GroupSettings>) =>
  withStores({ data: server.data }, ({ tenants }) =>
    tenants.changeSettings(label, changes, 'test', new Date()),
  );
const approve = (id: string, as?: string) =>
  withStores({ data: server.data }, ({ stagingArea }) =>
    stagingArea.approve(id, { by: 'test', at: new Date(), ...(as ? { as } : {}) }),
  );
const register = (group: string, id: string, more: object = {}) =>
  withStores({ data: server.data }, ({ devices }) =>
    devices.add({ id, tenant: 'default', group, names: [], ...more }, 'test', new Date()),
  );
/** As the command does it, in this process. */
const confirm = (id: string | undefined, code: string) =>
  withStores({ data: server.data }, (stores, config) => decide(stores, config, id, { code })).then(
    (approved) => ({ exitCode: 0, message: approved.id }),
    ({ exitCode, message }: CommandError) => ({ exitCode, message }),
  );

describe('a device that shows a code', () => {
  const user = (code: string) => ({ user: ['me', code] as const });
  const code = () => makePairingCode('numeric-pairing-code');

  test('is confirmed by its code, and gets its certificate when it asks again', async () => {
    const { ask, key } = newcomer();
    const shown = code();
    const unasked = await ask('field');
    assert.equal(unasked.status, 401);
    assert.match(unasked.headers['www-authenticate'] ?? '', /^Basic /);
    const mistyped = await ask('field', user(shown.replace(/.$/, (d) => String((+d + 1) % 10))));
    assert.equal(mistyped.status, 400, mistyped.body);
    assert.match(mistyped.body, /check digit/);
    assert.equal((await ask('field', user('open-sesame'))).status, 400);
    const id = waitsAs(await ask('field', user(shown)));
    assert.equal(waitsAs(await ask('field', user(shown))), id);
    const digest = digestOf(key);
    const { kind, asks, showsCode, state, ...staged } = await entry(id);
    assert.deepEqual([kind, asks, showsCode, state], ['device', 2, true, 'pending']);
    assert.equal(staged.device, `dev-${digest.slice(0, 32)}`);
    assert.equal(staged.publicKeyDigest, digest);
    assert.equal(staged.source, '127.0.0.1');

    const without = await server.cli('pending', 'approve', id);
    assert.equal(without.exitCode, 5, without.stderr);
    assert.match(without.stderr, /code that the device shows/);
    const seen = await server.cli('pending', 'approve', id, '--code', shown);
    assert.equal(seen.exitCode, 2);
    assert.match(seen.stderr, /seen by every user/);
    const file = join(directory, 'code');
    writeFileSync(file, `${shown}\n`);
    const approved = await server.cli('pending', 'approve', '--code-file', file);
    assert.equal(approved.exitCode, 0, approved.stderr);
    assert.match(approved.stdout, new RegExp(`${id} is approved: dev-`));
    const issued = await ask('field', user(shown));
    assert.equal(subjectIn(issued), `CN=dev-${digest.slice(0, 32)}`);
    assert.equal(device.certificateIn(await ask('field')), device.certificateIn(issued));
    assert.equal((await knownAs(staged.device)).firstKey, digest);
    for (const secret of [shown, shown.replaceAll('-', '')])
      assert.ok(!server.log.includes(secret), 'no code in the log');
  });

  test('that was typed wrong five times is rejected, and told so', async () => {
    const { ask } = newcomer();
    const shown = code();
    const id = waitsAs(await ask('field', user(shown)));
    for (let each = 1; each <= 5; each++) {
      const wrong = await confirm(id, code());
      assert.equal(wrong.exitCode, 4, wrong.message);
      assert.match(wrong.message, each < 5 ? new RegExp(`\\(${each} of 5`) : /it is rejected/);
    }
    assert.equal((await confirm(id, shown)).exitCode, 5);
    const refused = await ask('field', user(shown));
    assert.equal(refused.status, 403);
    assert.match(refused.body, /rejected as req-.*: 5 wrong codes were typed/);
    const [rejected] = auditOf(server, 'device.rejected').filter(({ object }) => object === id);
    assert.equal(rejected?.actor, operator());
  });

  test('is not mistaken for one that looks like it', async () => {
    const [real, other] = [newcomer(), newcomer()];
    const shown = code();
    const id = waitsAs(await other.ask('field', user(code())));
    const own = waitsAs(await real.ask('field', user(shown)));
    assert.equal((await confirm(id, shown)).exitCode, 4);
    assert.deepEqual(await confirm(undefined, shown), { exitCode: 0, message: own });
    assert.equal(waitsAs(await other.ask('field', user(code()))), id);
    assert.equal((await confirm(undefined, code())).exitCode, 3);
  });
});

describe('a legacy device', () => {
  test('is given its id by the operator, whatever it calls itself', async () => {
    const { ask } = newcomer('/CN=PUMP 0815\u001b[31m/O=Old Works');
    const id = waitsAs(await ask('old'));
    assert.match((await entry(id)).subject, /^commonName=PUMP 0815\\u001b\[31m/);
    const nameless = await server.cli('pending', 'approve', id);
    assert.equal(nameless.exitCode, 5);
    assert.match(nameless.stderr, /Say which device it is/);
    const approved = await server.cli('pending', 'approve', id, '--as', 'pump-17');
    assert.equal(approved.exitCode, 0, approved.stderr);
    assert.match(approved.stdout, /pump-17 gets its certificate/);
    assert.equal(subjectIn(await ask('old')), 'CN=pump-17');
    assert.equal((await knownAs('pump-17')).group, 'old');
  });

  test('waits without a name for what its group asks of every request, first', async () => {
    await change('old', { keyTypes: ['P-384'] });
    const refused = await newcomer('/CN=x').ask('old');
    assert.equal(refused.status, 400, refused.body);
    await change('old', { keyTypes: [] });
    const filter = { at: new Date(), group: 'old', limit: 100 };
    const listed = await withStores({ data: server.data }, ({ stagingArea }) =>
      stagingArea.list(filter),
    );
    assert.ok(listed.every(({ subject }) => subject !== 'commonName=x'));
  });
});

describe('a device that is known', () => {
  test('keeps its one-time password while it waits, and spends it once it is confirmed', async () => {
    const { 'meter-1': password } = await enlist(server, { 'meter-1': { group: 'listed' } });
    const { ask, key: first } = newcomer('/CN=meter-1');
    const own = { user: ['meter-1', password] as const };
    const id = waitsAs(await ask('listed', own));
    const stateOf = () =>
      withStores({ data: server.data }, async ({ oneTimePasswords }) => {
        const [otp] = await oneTimePasswords.list({ device: 'meter-1', limit: 1 });
        return otp?.state;
      });
    assert.equal(await stateOf(), 'unused');
    // Nobody is asked about what could not be issued.
    const foreign = await newcomer('/CN=somebody').ask('listed', own);
    assert.equal(foreign.status, 403);
    const certificates = () =>
      withStores({ data: server.data }, ({ ledger }) =>
        ledger.list({ subscriber: 'meter-1', limit: 10 }),
      );
    assert.deepEqual(await certificates(), []);
    await approve(id);
    const issued = await ask('listed', own);
    assert.equal(subjectIn(issued), 'CN=meter-1');
    assert.equal(await stateOf(), 'spent');
    assert.equal(device.certificateIn(await ask('listed', own)), device.certificateIn(issued));

    // A renewal is nobody's decision.
    const certificate = device.certificateIn(issued);
    const next = newcomer('/CN=meter-1');
    const key = digestOf(next.key);
    const holder = { certificate, key: first };
    assert.equal((await device.enroll('listed/simplereenroll', next.request, holder)).status, 200);
    assert.equal((await knownAs('meter-1')).firstKey, key);
  });

  test('of strongSwan polls until it is approved', { timeout: 60_000 }, async () => {
    const { 'swan-1': password } = await enlist(server, { 'swan-1': { group: 'listed' } });
    const key = join(directory, 'swan.key');
    const csr = join(directory, 'swan.csr');
    const pki = (...args: string[]) => run('pki', args, { encoding: 'buffer', timeout: 30_000 });
    writeFileSync(key, (await pki('--gen', '--type', 'ecdsa', '--outform', 'pem')).stdout);
    const from = ['--in', key, '--type', 'priv', '--dn', 'CN=swan-1', '--outform', 'der'];
    writeFileSync(csr, (await pki('--req', ...from)).stdout);
    const trust = [server.rootFile, join(server.data, 'ca', 'issuing.pem')];
    const polling = pki(
      ...['--est', '--url', server.origin, '--in', csr],
      ...['--userpass', `swan-1:${password}`],
      ...['--interval', '1', '--maxpolltime', '20', '--outform', 'pem'],
      ...trust.flatMap((path) => ['--cacert', path]),
    );
    polling.catch(() => undefined);
    const waiting = () =>
      withStores({ data: server.data }, ({ stagingArea }) =>
        stagingArea.list({ at: new Date(), group: 'listed', state: 'pending', limit: 10 }),
      );
    const { id } = await eventually(async () =>
      (await waiting()).find((each) => each.device === 'swan-1'),
    );
    assert.equal((await approve(id)).kind, 'decided');
    const { stdout } = await polling;
    assert.equal(new X509Certificate(stdout).subject, 'CN=swan-1');
  });

  test('waits with its factory certificate, and is seen with its model', async () => {
    await register('made', 'pump-f1', { manufacturer: 'maker', serialNumber: 'F1' });
    const { chainFile, keyFile } = maker.device('F1', { subject: '/CN=P7/serialNumber=F1' });
    const { request } = newcomer();
    const ask = () =>
      device.enroll('made/simpleenroll', request, { certificateFile: chainFile, key: keyFile });
    const id = waitsAs(await ask());
    const staged = await entry(id);
    assert.deepEqual([staged.device, staged.model, staged.serialNumber], ['pump-f1', 'P7', 'F1']);
    assert.equal(staged.credential.kind, 'factory-certificate');
    assert.match(staged.factorySubject ?? '', /commonName=P7/);
    await approve(id);
    assert.match(subjectIn(await ask()), /CN=pump-f1/);
    assert.equal((await ask()).status, 200);
  });

  test('with another key than the confirmed one waits again, and takes a word more', async () => {
    await register('named', 'gate-1');
    const [first, second] = [newcomer('/CN=gate-1'), newcomer('/CN=gate-1')];
    await approve(waitsAs(await first.ask('named')));
    assert.equal((await first.ask('named')).status, 200);
    const id = waitsAs(await second.ask('named'));
    assert.equal(waitsAs(await second.ask('named')), id);
    const list = await server.cli('pending', 'list');
    assert.match(list.stdout, new RegExp(`${id} .*another key than the confirmed one`));
    assert.equal(
      auditOf(server, 'device.foreign-key').filter((e) => e.object === 'gate-1').length,
      1,
    );
    assert.equal((await approve(id)).kind, 'refused');
    assert.equal((await first.ask('named')).status, 200);
    const replaced = await server.cli('pending', 'approve', id, '--replace-key');
    assert.equal(replaced.exitCode, 0, replaced.stderr);
    assert.equal((await second.ask('named')).status, 200);
  });
});

describe('decisions', () => {
  test('a banned key is refused at once in every group, and leaves nothing to decide', async () => {
    const banned = newcomer();
    const id = waitsAs(await banned.ask('free'));
    const ban = await server.cli('pending', 'ban', id, '--reason', 'Stolen.');
    assert.equal(ban.exitCode, 0, ban.stderr);
    assert.match(ban.stdout, /bestow cert revoke --key [0-9a-f]{64}/);
    assert.equal((await findEntry(id)).state, 'rejected');
    for (const group of ['free', 'old']) {
      const refused = await banned.ask(group);
      assert.equal(refused.status, 403);
      assert.match(refused.body, /The public key is banned: Stolen\./);
    }
    const { 'other-1': password } = await enlist(server, { 'other-1': { group: 'default' } });
    const { request } = newcomer('/CN=other-1', banned.key);
    const user = ['other-1', password] as const;
    assert.equal((await device.enroll('simpleenroll', request, { user })).status, 403);
    const before = auditOf(server, 'certificate.refused').length;
    assert.equal((await banned.ask('free')).status, 403);
    assert.equal(auditOf(server, 'certificate.refused').length, before, 'strangers fill no log');
    const digest = digestOf(banned.key);
    const listed = await server.json<{ publicKeyDigest: string }[]>('ban', 'list');
    assert.deepEqual(
      listed.map(({ publicKeyDigest }) => publicKeyDigest),
      [digest],
    );
    await server.json('ban', 'remove', digest);
    // What was rejected with the ban stays so.
    assert.match((await banned.ask('free')).body, /rejected as/);
  });

  test('by rule are shown first, and done with --yes', async () => {
    const three = [newcomer(), newcomer(), newcomer()];
    const ids = [];
    for (const { ask } of three) ids.push(waitsAs(await ask('free')));
    interface Bulk {
      dryRun: boolean;
      requests: { id: string; outcome: string }[];
    }
    const all = (rule: object = {}, approving = true, yes = false) =>
      withStores({ data: server.data }, (stores) =>
        decideAll(
          stores,
          { approve: approving, yes, reason: 'Recalled.' },
          { group: 'free', ...rule },
        ),
      );
    const like = `dev-${digestOf(three[0]?.key ?? '').slice(0, 6)}*`;
    for (const [rule, count] of [
      [{}, 3],
      [{ id: like }, 1],
      [{ source: '127.0.0.0/8' }, 3],
      [{ source: '10.0.0.0/8' }, 0],
      [{ model: 'P9' }, 0],
      [{ seenAfter: '1h' }, 3],
      [{ seenBefore: '1h' }, 0],
      [{ tenant: 'nobody' }, 0],
    ] as const) {
      const requests = await all(rule);
      assert.equal(requests.length, count, JSON.stringify(rule));
      assert.ok(requests.every(({ outcome }) => outcome === 'would be approved'));
    }
    const dry = await server.json<Bulk>('pending', 'approve-all', '--group', 'free');
    assert.deepEqual([dry.dryRun, dry.requests.length], [true, 3]);
    for (const { ask } of three) waitsAs(await ask('free'));
    const done = await server.json<Bulk>(
      ...['pending', 'approve-all', '--group', 'free', '--id', like, '--yes'],
    );
    assert.equal(done.requests[0]?.outcome, 'approved');
    const statuses = [];
    for (const { ask } of three) statuses.push((await ask('free')).status);
    assert.deepEqual(statuses, [200, 202, 202]);
    const rejected = await all({}, false, true);
    assert.deepEqual(rejected.map(({ id }) => id).sort(), ids.slice(1).sort());
    assert.match((await three[1]?.ask('free'))?.body ?? '', /Recalled\./);
    await assert.rejects(all({ group: 'old' }), /given its id/);
    await assert.rejects(all({ group: 'field' }), /one by one/);
  });

  test('one source brings twenty newcomers at most, however often they ask', async () => {
    const many = Array.from({ length: 20 }, () => newcomer());
    const answers = [];
    for (const { ask } of many) answers.push(await ask('free'));
    const full = await newcomer().ask('free');
    assert.equal(full.status, 429, full.body);
    assert.equal(full.headers['retry-after'], '1');
    assert.match(full.body, /^20 new devices from 127\.0\.0\.1 wait/);
    const [first = assert.fail()] = answers.filter(({ status }) => status === 202);
    assert.equal(waitsAs(await (many[0]?.ask('free') ?? assert.fail())), waitsAs(first));
    await withStores({ data: server.data }, async (stores) => {
      for (const group of ['free', 'field'])
        await decideAll(stores, { approve: false, yes: true }, { group });
    });
    waitsAs(await newcomer().ask('free'));
  });

  test('hold after a restart, and come too late for what has expired', async () => {
    const before = newcomer();
    const asked = waitsAs(await before.ask('free'));
    await server.stop();
    const file = join(server.data, 'bestow.yaml');
    const config = parse(readFileSync(file, 'utf8'));
    config.est.waiting = { retryAfter: '1s', validity: '1s' };
    writeFileSync(file, stringify(config));
    await server.start();
    assert.equal(waitsAs(await before.ask('free')), asked);
    await server.json('pending', 'reject', asked, '--reason', 'Not one of ours.');
    const refused = await before.ask('free');
    assert.equal(refused.status, 403);
    assert.match(refused.body, new RegExp(`rejected as ${asked}: Not one of ours\\.`));
    assert.equal((await approve(asked)).kind, 'conflict');
    await server.json('pending', 'forget', asked);
    assert.notEqual(waitsAs(await before.ask('free')), asked);

    const { ask } = newcomer();
    const id = waitsAs(await ask('free'));
    const anew = await eventually(async () => {
      const now = waitsAs(await ask('free'));
      return now !== id && now;
    });
    assert.match(anew, /^req-/);
    const late = await server.cli('pending', 'approve', id);
    assert.equal(late.exitCode, 5);
    assert.match(late.stderr, /has expired/);
  });
});
