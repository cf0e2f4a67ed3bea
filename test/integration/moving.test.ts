/**
 * A server moves to another machine: the last copy closes the old data directory, and where it is restored everything goes
 * on, unused passwords too. And what `bestow backup` and `bestow restore` refuse.
 */

import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BestowServer, bestow } from '../support/bestow.ts';
import { certificateOf, makeKey, post } from '../support/est-client.ts';

const timeout = 120_000;
const scratch = mkdtempSync(join(tmpdir(), 'bestow-moving-'));
const at = (name: string) => join(scratch, name);
const secret = (name: string, text: string, mode = 0o600) => {
  writeFileSync(at(name), `${text}\n`, { mode });
  return ['--passphrase-file', at(name)];
};
const passphrase = secret('passphrase', 'correct horse battery staple');

const server = await BestowServer.start();
after(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});
const old = server.data;
after(() => rmSync(old, { recursive: true, force: true }));

async function failing(exitCode: number, reason: RegExp, ...command: string[]): Promise<void> {
  const result = await bestow(...command);
  assert.equal(result.exitCode, exitCode, `${command.join(' ')}: ${result.stdout}`);
  assert.match(result.stderr, reason);
}

const onOld = ['--data', old];
const restore = (file: string, target: string) => [
  'restore',
  at(file),
  ...passphrase,
  '--data',
  at(target),
];

before(async () => {
  mkdirSync(at('copies'));
  const { exitCode, stderr } = await server.cli('backup', at('copies'), ...passphrase);
  assert.equal(exitCode, 0, stderr);
});

test('a directory gets a file with the time in its name', { timeout }, () => {
  const [name, ...more] = readdirSync(at('copies'));
  assert.match(name ?? '', /^bestow-\d{8}T\d{6}Z\.backup$/);
  assert.equal(more.length, 0);
});

test('what is there already is not replaced, and what is not fit for it not used', {
  timeout,
}, async () => {
  const [name = ''] = readdirSync(at('copies'));
  const there = join('copies', name);
  await failing(5, /not replaced/, 'backup', at(there), ...passphrase, ...onOld);
  const short = secret('short', 'only15character');
  await failing(2, /it needs 16/, 'backup', at('new'), ...short, ...onOld);
  const open = secret('open', 'correct horse battery staple', 0o644);
  await failing(1, /can be read by others/, 'backup', at('new'), ...open, ...onOld);
  mkdirSync(at('full'));
  writeFileSync(at('full/file'), '');
  await failing(5, /not empty/, ...restore(there, 'full'));
  assert.deepEqual(readdirSync(at('full')), ['file']);
  // The server went on after this one.
  await failing(
    2,
    /not taken with --final/,
    ...restore(there, 'never'),
    '--keep-one-time-passwords',
  );
  assert.ok(!existsSync(at('never')) && !existsSync(at('new')));
});

test('files that change meanwhile are not copied as if they belonged together', {
  timeout,
}, async () => {
  // Another text each time it is read.
  symlinkSync('/proc/sys/kernel/random/uuid', join(old, 'tls', 'changing'));
  const left = join(old, 'run', 'snapshot-999999999.db');
  writeFileSync(left, 'what an earlier one left that was killed');
  await failing(7, /changed while they were copied/, 'backup', at('new'), ...passphrase, ...onOld);
  rmSync(join(old, 'tls', 'changing'));
  assert.deepEqual([existsSync(at('new')), existsSync(left)], [false, false]);
});

test('the last copy is for a server that has stopped', { timeout }, async () => {
  const last = ['backup', at('last'), '--final', ...passphrase, ...onOld];
  await failing(5, /already runs/, ...last);
  assert.equal(existsSync(at('last')), false);
  await failing(5, /not closed/, 'backup', 'call-off', ...onOld);
});

test('a server moves, with all that waits', { timeout }, async () => {
  const { moving, called } = await server.passwords(['moving', 'called']);
  const root = server.root;
  await server.stop();
  const taken = await server.cli('backup', at('last'), '--final', ...passphrase);
  assert.equal(taken.exitCode, 0, taken.stderr);
  assert.match(taken.stdout, /This data directory is closed/);

  await failing(5, /to go on elsewhere/, 'otp', 'list', ...onOld);
  await assert.rejects(server.start(), /to go on elsewhere/);

  const moved = await bestow(...restore('last', 'moved'), '--keep-one-time-passwords');
  assert.equal(moved.exitCode, 0, moved.stderr);
  assert.doesNotMatch(moved.stdout, /WARNING|LOOK AGAIN/);
  server.data = at('moved');
  await server.start();
  const request = makeKey().request('/');
  const credentials = { user: 'moving', password: moving };
  certificateOf(await post(`${server.est}/simpleenroll`, root, request, credentials));

  // Called off: the old one is open again, its password still good as far as it knows.
  assert.equal((await bestow('backup', 'call-off', ...onOld)).exitCode, 0);
  const { stdout } = await bestow('otp', 'list', '--device', 'called', '--json', ...onOld);
  assert.equal(JSON.parse(stdout)[0].state, 'unused');
  assert.ok(called);
});
