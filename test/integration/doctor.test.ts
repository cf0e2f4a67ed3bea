/**
 * `bestow doctor` beside a running server: all well at first, then one thing after the other that is not, and put right.
 */

import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { addIssuer, changeIssuer, issuerIn } from '../../ca/ca-state.ts';
import { BestowServer, bestow } from '../support/bestow.ts';
import { changeCaState } from '../support/change-ca.ts';
import { changeDelegatedKey } from '../support/delegated-key.ts';
import { openssl, withFile } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';

const timeout = 60_000;
const server = await BestowServer.start({
  // An arc for documentation (RFC 5612); of our own there is something to tell.
  configure: (config) => Object.assign(config, { endpointArc: '1.3.6.1.4.1.32473.1' }),
});
after(() => server[Symbol.asyncDispose]());
const at = (...parts: string[]) => join(server.data, ...parts);

interface Finding {
  readonly check: string;
  readonly severity: string;
  readonly message: string;
  readonly action?: string;
}

async function examine(): Promise<{ exitCode: number; findings: Finding[]; bad: Finding[] }> {
  const { exitCode, stdout, stderr } = await server.cli('doctor', '--json');
  assert.equal(stderr, '');
  const findings: Finding[] = JSON.parse(stdout);
  const bad = findings.filter(({ severity }) => severity !== 'ok');
  for (const { action, message } of bad) assert.ok(action, message);
  return { exitCode, findings, bad };
}

/** One finding, of this check, that bad. */
async function finds(exitCode: number, check: string, message: RegExp): Promise<void> {
  const found = await examine();
  assert.deepEqual(
    found.bad.map((finding) => finding.check),
    [check],
    JSON.stringify(found.bad),
  );
  assert.match(found.bad[0]?.message ?? '', message);
  assert.equal(found.exitCode, exitCode);
}

test('all is well, and it says what it looked at, a line for each', { timeout }, async () => {
  const { exitCode, findings, bad } = await examine();
  assert.deepEqual(bad, []);
  assert.equal(exitCode, 0);
  const families = [
    'database',
    'clock',
    'certificates',
    'crl',
    'keys',
    'intents',
    'groups',
    'bootstrap credentials',
    'webhooks',
    'profiles',
    'endpoint arc',
    'files',
  ];
  assert.deepEqual([...new Set(findings.map(({ check }) => check))], families);
  const keys = findings.filter(({ check }) => check === 'keys').map(({ message }) => message);
  for (const label of ['main-1', 'main-1-cmc', 'main-1-ocsp'])
    assert.ok(
      keys.some((message) => message.startsWith(`the key ${label} signs`)),
      label,
    );
  const { stdout } = await server.cli('doctor');
  assert.equal(stdout.trimEnd().split('\n').length, findings.length);
  assert.match(stdout, /^ok {7}database: journal_mode is WAL\n/);
});

test('a revocation is on a CRL soon, without anybody asking for one', { timeout }, async () => {
  const [certificate] = await server.json<{ serialNumber: string }[]>('cert', 'list');
  await server.cli(
    'cert',
    'revoke',
    certificate?.serialNumber ?? '',
    '--reason',
    'certificateHold',
  );
  const saysEverything = async () => {
    const { exitCode, findings } = await examine();
    const crl = findings.find(({ check }) => check === 'crl');
    return exitCode === 0 && crl?.message.includes('says everything');
  };
  await eventually(saysEverything, { timeout: 30_000 });
  const rows = await server.json<{ partition: string; later: number }[]>('ca', 'crl', '--list');
  assert.deepEqual(
    rows.map(({ partition, later }) => [partition, later]),
    [['whole', 0]],
  );
});

test('an intent that nobody came back for', { timeout }, async () => {
  const database = new DatabaseSync(at('bestow.db'));
  const insert = `insert into issuance (issuer, serial_number, to_be_signed, public_key_digest, request_digest, profile,
    subscriber, credential_kind, credential_id, not_before, not_after, request_id, recorded_at)
    values ('i', ?, x'3000', 'k', 'r', 'device', 'pump-17', 'operator', 'o', '2020', '2999', 'r', ?)`;
  const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
  database.prepare(insert).run('0aaa', ago(61));
  database.prepare(insert).run('0bbb', ago(30));
  await finds(11, 'intents', /^1 never became a certificate; the oldest is 0aaa for pump-17/);
  database.exec("delete from issuance where issuer = 'i'");
  database.close();
});

test('a group with weak settings', { timeout }, async () => {
  const plain = ['--server-keys', 'platform', '--server-key-delivery', 'plain-allowed'];
  await server.cli('group', 'set', 'default', ...plain);
  await finds(11, 'groups', /^group default: keys made by the server/);
  await server.cli('group', 'set', 'default', '--server-key-delivery', 'encrypted-only');
});

test('a group whose devices would get no certificate', { timeout }, async () => {
  const [label, issuer] = ['stranded', 'waiting'];
  // Commands let no group name such an issuer; its key may be lost later.
  await changeCaState(server.data, (state) =>
    addIssuer(state, { ...issuerIn(state, 'main'), name: issuer }),
  );
  const added = await server.cli('group', 'add', label, '--issuer', issuer);
  assert.equal(added.exitCode, 0, added.stderr);
  await changeCaState(server.data, (state) =>
    changeIssuer(state, issuer, (each) => ({ ...each, keys: [] })),
  );
  await finds(
    12,
    'profiles',
    /^the profile device under the issuer "waiting" gives no certificate/,
  );
  await server.cli('group', 'set', label, '--issuer', 'main');
  await changeCaState(server.data, ({ issuers, ...state }) => ({
    ...state,
    issuers: issuers.filter(({ name }) => name !== issuer),
  }));
});

test('an arc that some programs cannot read', { timeout }, async () => {
  const file = at('bestow.yaml');
  const before = readFileSync(file, 'utf8');
  writeFileSync(file, before.replace(/^endpointArc: .*$/m, ''));
  await finds(10, 'endpoint arc', /^Go and GnuTLS programs refuse device certificates/);
  const { stdout } = await server.cli('check-config');
  assert.match(stdout, /endpoint arc: .*Go and GnuTLS programs refuse device certificates/);
  writeFileSync(file, before);
});

test('a TLS certificate that ends soon', { timeout }, async () => {
  const chain = at('tls', 'server.pem');
  const before = readFileSync(chain);
  const key = readFileSync(at('tls', 'server-key.pem'));
  const short = (days: number) =>
    withFile(key, (file) =>
      openssl(['req', '-x509', '-key', file, '-subj', '/CN=localhost', '-days', String(days)]),
    );
  writeFileSync(chain, short(20));
  await finds(11, 'certificates', /^the server's TLS certificate ends at/);
  writeFileSync(chain, short(5));
  await finds(12, 'certificates', /^the server's TLS certificate ends at/);
  writeFileSync(chain, before);
});

test('a key that is not the one of its certificate', { timeout }, async () => {
  await changeDelegatedKey(server.data, 'cmc', { label: 'root-1' });
  await finds(12, 'keys', /the key root-1 does not do: .*not the one in the certificate/);
  await changeDelegatedKey(server.data, 'cmc', { label: 'main-1-cmc' });
});

test('a secret that others can read', { timeout }, async () => {
  const file = at('secrets', 'one-time-password-pepper');
  chmodSync(file, 0o640);
  await finds(12, 'files', /others than its owner can read .*pepper/);
  chmodSync(file, 0o600);
});

test('a database that is damaged or gone does not hide the rest, and is not made anew', {
  timeout,
}, async () => {
  await server.stop();
  const [file, kept] = [at('bestow.db'), at('kept.db')];
  copyFileSync(file, kept);
  truncateSync(file, 3 * 4096);
  const damaged = await examine();
  assert.equal(damaged.exitCode, 12);
  assert.ok(damaged.bad.some(({ check }) => check === 'database'));
  renameSync(file, at('damaged.db'));
  const gone = await examine();
  assert.equal(gone.exitCode, 12);
  assert.ok(gone.bad.some(({ check, message }) => check === 'clock' && /ENOENT/.test(message)));
  assert.ok(gone.findings.some(({ check, severity }) => check === 'files' && severity === 'ok'));
  assert.throws(() => readFileSync(file), { code: 'ENOENT' });
  renameSync(kept, file);
  assert.equal((await examine()).exitCode, 0);
});

test('without a data directory there is nothing to examine', { timeout }, async () => {
  const { exitCode, stderr } = await bestow('doctor', '--json', '--data', at('nowhere'));
  assert.equal(exitCode, 1);
  assert.match(stderr, /bestow init/);
});
