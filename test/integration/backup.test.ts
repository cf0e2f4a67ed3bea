/**
 * An old copy comes back: a server that went on after its backup is lost, the backup is restored, and what came since is
 * compared with what devices hold. No serial number is given twice, no spent password serves, nothing revoked is good again.
 */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { BestowServer, bestow } from '../support/bestow.ts';
import {
  certificateOf,
  type DeviceKey,
  makeKey,
  openssl,
  post,
  withFile,
} from '../support/est-client.ts';
import { auditOf } from '../support/registry.ts';

const timeout = 120_000;
const scratch = mkdtempSync(join(tmpdir(), 'bestow-backup-'));
const at = (name: string) => join(scratch, name);
const passphrase = at('passphrase');
writeFileSync(passphrase, 'correct horse battery staple\n', { mode: 0o600 });
const withPassphrase = ['--passphrase-file', passphrase];
const copy = at('copy.backup');

const server = await BestowServer.start();
after(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

interface Holder {
  readonly id: string;
  readonly key: DeviceKey;
  readonly certificate: string;
}

async function ask(id: string, password: string, key: DeviceKey) {
  return post(`${server.est}/simpleenroll`, server.root, key.request('/'), { user: id, password });
}

async function enroll(id: string, password: string): Promise<Holder> {
  const key = makeKey();
  return { id, key, certificate: certificateOf(await ask(id, password, key)) };
}

const renew = ({ id, key, certificate }: Holder) =>
  post(`${server.est}/simplereenroll`, server.root, key.request(`/CN=${id}`), {
    certificate,
    key: key.key,
  });

const serialOf = ({ certificate }: Holder) =>
  new X509Certificate(certificate).serialNumber.toLowerCase();

/** Writes down what a device holds. @returns the file */
function held({ id, certificate }: Holder): string {
  writeFileSync(at(`${id}.pem`), certificate);
  return at(`${id}.pem`);
}

async function run(...command: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await server.cli(...command);
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

interface Compared {
  readonly standing: string;
  readonly serialNumber?: string;
  readonly note?: string;
}

async function standings(...holders: Holder[]): Promise<string[]> {
  const { stdout } = await server.cli('cert', 'compare', ...holders.map(held), '--json');
  return (JSON.parse(stdout) as Compared[]).map(({ standing }) => standing);
}

async function crl(): Promise<{ number: number; serials: string[]; pem: string }> {
  const { number, pem } = await server.json<{ number: number; pem: string }>('ca', 'crl');
  const text = openssl(['crl', '-noout', '-text'], pem).toString();
  const serials = [...text.matchAll(/Serial Number: ([0-9A-F]+)/g)].map(([, hex = '']) => hex);
  return { number, serials: serials.map((hex) => hex.toLowerCase()), pem };
}

/** More than are enrolled while a backup is taken. */
const during = Array.from({ length: 200 }, (_, i) => `during-${i}`);
const ids = ['early', 'in-flight', 'revoked-later', 'late', 'late-revoked', 'unused', ...during];
let passwords: Record<string, string> = {};
const holders: Record<string, Holder> = {};
const holderOf = (id: string) => holders[id] ?? assert.fail(`${id} holds nothing`);
let published: Awaited<ReturnType<typeof crl>>;
let takenAt = '';
const restored = at('restored');

interface Report {
  readonly passwordsRevoked: number;
  readonly intentsHeld: readonly string[];
  readonly crlNumber: number;
  readonly crls: readonly { readonly unseen: number; readonly revoked: number }[];
}
let report: Report;

before(async () => {
  passwords = await server.passwords(ids);
  const enrollAll = async (names: readonly string[]) => {
    for (const id of names) holders[id] = await enroll(id, passwords[id] ?? '');
  };
  await enrollAll(['early', 'in-flight', 'revoked-later']);
  forgetCertificate(serialOf(holderOf('in-flight')));
  takenAt = await enrollMeanwhile(
    server.json<{ takenAt: string }>('backup', copy, ...withPassphrase),
  );
  await enrollAll(['late', 'late-revoked']);
  const late = holderOf('late');
  holders.renewed = { ...late, certificate: certificateOf(await renew(late)) };
  for (const id of ['revoked-later', 'late-revoked']) {
    await run('cert', 'revoke', serialOf(holderOf(id)), '--reason', 'keyCompromise');
    published = await crl();
  }
  writeFileSync(at('newest.crl'), published.pem);
  await server.stop();
  rmSync(server.data, { recursive: true });
  server.data = restored;
  report = await server.json('restore', copy, ...withPassphrase, '--crl', at('newest.crl'));
  await server.start();
});

/** Goes on until the backup is there, and with one more. */
async function enrollMeanwhile(backup: Promise<{ takenAt: string }>): Promise<string> {
  let taken = false;
  const ended = backup.finally(() => {
    taken = true;
  });
  for (const id of during) {
    const last = taken;
    holders[id] = await enroll(id, passwords[id] ?? '');
    if (last) break;
  }
  return (await ended).takenAt;
}

/** As it stands when the copy is taken between a signature and its record. */
function forgetCertificate(serialNumber: string): void {
  using database = new DatabaseSync(join(server.data, 'bestow.db'));
  const { changes } = database
    .prepare('update issuance set certificate = null, issued_at = null where serial_number = ?')
    .run(serialNumber);
  assert.equal(changes, 1);
}

describe('after the restoration of an old copy', { timeout }, () => {
  test('what came before it goes on, and no serial number is given twice', async () => {
    const renewed = certificateOf(await renew(holderOf('early')));
    const { serialNumber } = new X509Certificate(renewed);
    assert.equal(Object.values(holders).map(serialOf).includes(serialNumber.toLowerCase()), false);
  });

  test('a password is dead that was spent since, or may have been', async () => {
    assert.ok(report.passwordsRevoked >= 3);
    for (const id of ['late', 'unused'])
      for (const key of [holders[id]?.key ?? makeKey(), makeKey()])
        assert.equal((await ask(id, passwords[id] ?? '', key)).status, 401);
    // Spent before the copy: the same request gets the same certificate, another nothing.
    assert.equal((await ask('early', passwords.early ?? '', makeKey())).status, 401);
  });

  test('the copy was taken at one moment amid the enrollments', async () => {
    const enrolled = during.flatMap((id) => holders[id] ?? []);
    const found = await standings(...enrolled);
    const known = found.lastIndexOf('on record');
    // One after the other: all before that moment are known, none after it, and one may have been under way.
    assert.ok(known >= 0 && found.slice(0, known).every((standing) => standing === 'on record'));
    const missing = found.slice(known + 1).filter((standing) => standing !== 'intended');
    assert.ok(missing.length >= 1 && missing.every((standing) => standing === 'not on record'));
    assert.equal((await renew(enrolled[known] ?? assert.fail())).status, 200);
    assert.equal((await renew(enrolled.at(-1) ?? assert.fail())).status, 401);
  });

  test('what was revoked since stays revoked, known or unknown', async () => {
    assert.deepEqual(
      report.crls.map(({ revoked, unseen }) => [revoked, unseen]),
      [[2, 1]],
    );
    const { status, body } = await renew(holderOf('revoked-later'));
    assert.deepEqual([status, /revoked \(keyCompromise\)/.test(body)], [403, true]);
    const { number, serials } = await crl();
    assert.ok(number > published.number && number >= report.crlNumber);
    for (const serial of published.serials) assert.ok(serials.includes(serial), serial);
  });

  test('a certificate issued since is refused until it is adopted', async () => {
    const late = holderOf('late');
    assert.deepEqual(await standings(late, holderOf('early')), ['not on record', 'on record']);
    assert.equal((await renew(late)).status, 401);
    await run('cert', 'adopt', held(late));
    assert.deepEqual(await standings(late), ['on record']);
    assert.equal((await renew(late)).status, 200);
    const [entry] = auditOf(server, 'certificate.adopted');
    assert.deepEqual([entry?.object, entry?.details.subscriber], [serialOf(late), 'late']);
  });

  test('an intent is never signed again, and its certificate can be adopted', async () => {
    const device = holderOf('in-flight');
    const serial = serialOf(device);
    assert.ok(report.intentsHeld.includes(serial));
    const again = await ask('in-flight', passwords['in-flight'] ?? '', device.key);
    assert.equal(again.status, 401);
    assert.deepEqual(await standings(device), ['intended']);
    assert.ok((await crl()).serials.includes(serial));
    await run('cert', 'adopt', held(device));
    assert.equal((await renew(device)).status, 200);
    assert.equal((await crl()).serials.includes(serial), false);
  });

  test('to adopt what is revoked does not revive it', async () => {
    const device = holderOf('late-revoked');
    assert.deepEqual(await standings(device), ['revoked unseen']);
    await run('cert', 'adopt', held(device));
    assert.deepEqual(await standings(device), ['revoked']);
    assert.equal((await renew(device)).status, 403);
    assert.ok((await crl()).serials.includes(serialOf(device)));
  });

  test('nothing is adopted that is not ours, or is over the key of another device', async () => {
    const key = makeKey();
    const self = ['req', '-x509', '-subj', '/CN=early', '-days', '1', '-key'];
    const certificate = withFile(key.key, (file) => openssl([...self, file])).toString();
    const foreign = { id: 'foreign', key, certificate };
    assert.deepEqual(await standings(foreign), ['not ours']);
    assert.equal((await server.cli('cert', 'adopt', held(foreign))).exitCode, 1);
    const renewed = held({ ...holderOf('renewed'), id: 'renewed' });
    for (const [device, reason] of [
      ['nobody', /no device "nobody"/],
      ['early', /key is certified for another device/],
    ] as const) {
      const adopted = await server.cli('cert', 'adopt', renewed, '--device', device);
      assert.equal(adopted.exitCode, 1);
      assert.match(adopted.stdout, reason);
    }
  });

  test('the audit log says that, and when the copy was taken', () => {
    const [entry, ...more] = auditOf(server, 'database.restored');
    assert.equal(entry?.details.takenAt, takenAt);
    assert.equal(more.length, 0);
  });
});

describe('a backup', { timeout }, () => {
  test('is one file that its owner alone can read, and tells nothing without the passphrase', () => {
    assert.equal(statSync(copy).mode & 0o777, 0o600);
    const octets = readFileSync(copy);
    for (const text of ['bestow.yaml', 'SQLite format', 'PRIVATE KEY', 'early'])
      assert.equal(octets.includes(text), false, text);
  });

  test('is verified', async () => {
    const { exitCode, stdout } = await bestow('backup', 'verify', copy, ...withPassphrase);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^The backup is whole/);
    assert.match(stdout, new RegExp(`takenAt: +${takenAt}`));
    assert.match(stdout, /keys: +root-1 in default \(CKA_ID [0-9a-f]{40}\), /);
  });

  test('is refused when it was tampered with, or has another passphrase, and nothing is left of it', async () => {
    const whole = readFileSync(copy);
    const flipped = Buffer.from(whole);
    const last = whole.length - 1;
    flipped[last] = (flipped[last] ?? 0) ^ 1;
    writeFileSync(at('flipped'), flipped);
    writeFileSync(at('wrong'), 'incorrect horse battery staple\n', { mode: 0o600 });
    for (const [file, secret, exitCode] of [
      [at('flipped'), passphrase, 1],
      [copy, at('wrong'), 4],
    ] as const) {
      const target = at('never');
      const options = ['--data', target, '--passphrase-file', secret];
      const { stderr, exitCode: ended } = await bestow('restore', file, ...options);
      assert.equal(ended, exitCode, stderr);
      assert.match(stderr, /was changed/);
      assert.equal(existsSync(target), false, 'something was left');
    }
  });
});
