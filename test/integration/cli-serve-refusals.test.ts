/**
 * What keeps the server from starting: each is found before anything is served, and the operator is told what to do.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, afterEach, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { BestowServer } from '../support/bestow.ts';
import { changeDelegatedKey } from '../support/delegated-key.ts';
import { call } from '../support/est-client.ts';

const timeout = 60_000;
const server = await BestowServer.init();
after(() => server[Symbol.asyncDispose]());

type Config = Record<string, Record<string, unknown>>;
const configFile = join(server.data, 'bestow.yaml');
const goodConfig = readFileSync(configFile, 'utf8');
const pinFile = join(server.data, 'secrets', 'pin');
const goodPin = readFileSync(pinFile, 'utf8');

function configure(change: (config: Config) => void): void {
  const config = parse(goodConfig);
  change(config);
  writeFileSync(configFile, stringify(config));
}

/** Each story leaves the directory good again, which the start at the end of it shows. */
afterEach(async () => {
  writeFileSync(configFile, goodConfig);
  await server.start();
  assert.equal((await call(`${server.est}/cacerts`, server.root)).status, 200);
  assert.equal(await server.stop(), 0);
});

/** @returns what it said on standard error */
async function assertDoesNotStart(exitCode: number, ...args: string[]): Promise<string> {
  const result = await server.cli('serve', ...args);
  assert.equal(result.exitCode, exitCode, `${result.stdout}${result.stderr}`);
  assert.doesNotMatch(result.stdout, /EST is served/);
  assert.match(result.stderr, /^bestow: /);
  assert.doesNotMatch(result.stderr, /\n +at /, 'an operator has no use for a stack trace');
  assert.ok(!existsSync(join(server.data, 'run', 'server.pid')), 'the claim was kept');
  return result.stderr;
}

test('a wrong PIN: said, not repeated, and not tried a second time', { timeout }, async () => {
  const wrong = 'not-the-pin-0123';
  writeFileSync(pinFile, `${wrong}\n`);
  const said = await assertDoesNotStart(4);
  assert.match(said, /PIN/);
  assert.ok(!said.includes(wrong));
  assert.match(await assertDoesNotStart(4), /refused this PIN before and it is not tried again/);
  // Written anew, it is tried again.
  writeFileSync(pinFile, goodPin);
});

test('a key that is not the one of the CA certificate', { timeout }, async () => {
  await changeDelegatedKey(server.data, 'cmc', { label: 'root-1' });
  assert.match(await assertDoesNotStart(7), /root-1/);
  await changeDelegatedKey(server.data, 'cmc', { label: 'main-1-cmc' });
});

test('a key, a token or a library that is not there', { timeout }, async () => {
  await changeDelegatedKey(server.data, 'cmc', { label: 'no-such-key' });
  assert.match(await assertDoesNotStart(7), /no-such-key/);
  await changeDelegatedKey(server.data, 'cmc', { label: 'main-1-cmc' });
  configure(({ hsm = {} }) => Object.assign(hsm, { token: 'no-such-token' }));
  assert.match(await assertDoesNotStart(7), /no-such-token/);
  configure(({ hsm = {} }) => Object.assign(hsm, { module: '/no/such/library.so' }));
  assert.match(await assertDoesNotStart(7), /\/no\/such\/library\.so/);
});

test('every problem of the configuration is listed with its path', { timeout }, async () => {
  configure((config) => {
    Object.assign(config.est ?? {}, { listen: 'everywhere', colour: 'blue' });
    Object.assign(config.hsm ?? {}, { pin: '1234', deadline: 5 });
    config.profiles = { device: { validity: 'forever' } };
    config.extra = {};
  });
  const said = await assertDoesNotStart(1);
  for (const path of ['est.listen', 'hsm.pin', 'hsm.deadline', 'profiles.device.validity'])
    assert.match(said, new RegExp(`^ {2}- ${path}: `, 'm'));
  assert.match(said, /- est: .*"colour"/);
  assert.match(said, /- top level: .*"extra"/);
  assert.ok(!said.includes('1234'), 'what stands where a PIN belongs is not repeated');
  const checked = await server.cli('check-config');
  assert.equal(checked.exitCode, 1);
  assert.equal(checked.stderr, said);
});

test('a configuration that is no YAML, or no file', { timeout }, async () => {
  writeFileSync(configFile, 'est: [unclosed\n');
  assert.match(await assertDoesNotStart(1), /bestow\.yaml/);
  const away = `${configFile}.away`;
  renameSync(configFile, away);
  assert.match(await assertDoesNotStart(1), /ENOENT.*bestow init/);
});

test('a PIN that others can read', { timeout }, async () => {
  chmodSync(pinFile, 0o644);
  try {
    const said = await assertDoesNotStart(7);
    assert.ok(said.includes(pinFile) && /chmod 0?600/.test(said), said);
    assert.equal((await server.cli('check-config')).exitCode, 1);
  } finally {
    chmodSync(pinFile, 0o600);
  }
});

// What is found only while the listener is set up.

test('a pepper that others can read', { timeout }, async () => {
  const pepper = join(server.data, 'secrets', 'one-time-password-pepper');
  chmodSync(pepper, 0o644);
  try {
    const said = await assertDoesNotStart(1);
    assert.ok(said.includes(pepper) && /chmod 0?600/.test(said), said);
  } finally {
    chmodSync(pepper, 0o600);
  }
});

test('a port that is taken', { timeout }, async () => {
  const other = createServer().listen(0, '127.0.0.1');
  try {
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const said = await assertDoesNotStart(1, '--listen', `127.0.0.1:${port}`);
    assert.match(said, new RegExp(`EADDRINUSE.*:${port}`));
  } finally {
    other.close();
  }
});

test('a database of a newer version is left as it is', { timeout }, async () => {
  const database = new DatabaseSync(join(server.data, 'bestow.db'));
  database.exec("INSERT INTO kysely_migration VALUES ('9999-of-tomorrow', '2099-01-01')");
  try {
    assert.match(
      await assertDoesNotStart(1),
      /newer version of Bestow \(migration 9999-of-tomorrow\)/,
    );
    const listed = await server.cli('device', 'list');
    assert.equal(listed.exitCode, 1);
    assert.match(listed.stderr, /newer version/);
  } finally {
    database.exec("DELETE FROM kysely_migration WHERE name = '9999-of-tomorrow'");
    database.close();
  }
});
