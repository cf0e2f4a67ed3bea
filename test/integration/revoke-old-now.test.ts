/**
 * Groups where a renewal revokes the old certificate at once: the answer may get lost, and its repetition is the one thing
 * that the old certificate is still good for.
 */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { BestowServer } from '../support/bestow.ts';
import {
  certificateOf,
  type DeviceKey,
  type EstAnswer,
  makeKey,
  post,
} from '../support/est-client.ts';
import { KeptConnections } from '../support/kept-connections.ts';

const timeout = 60_000;
const workers = 2;
const server = await BestowServer.start({
  configure: (config) =>
    Object.assign(config.est ?? {}, { workers, limits: { keepAliveTimeout: 60_000 } }),
});
after(() => server[Symbol.asyncDispose]());

async function run(...command: string[]): Promise<void> {
  const { exitCode, stderr } = await server.cli(...command);
  assert.equal(exitCode, 0, stderr);
}
/** Serial number as it is on record. */
const serialOf = (certificate: string) =>
  new X509Certificate(certificate).serialNumber.toLowerCase();

function inDatabase(statement: string, ...values: string[]): void {
  using database = new DatabaseSync(join(server.data, 'bestow.db'));
  database.exec('pragma busy_timeout = 5000');
  assert.equal(Number(database.prepare(statement).run(...values).changes), 1);
}

interface Lost {
  /** With a connection to each worker from before. */
  readonly old: KeptConnections;
  readonly newKey: DeviceKey;
  readonly request: Buffer;
  /** PEM; the answer it came with was lost. */
  readonly renewed: string;
}

const ids = ['repeating', 'at-once', 'arrived', 'late', 'barred', 'withdrawn', 'confined'] as const;
const devices = new Map<string, KeptConnections>();

before(async () => {
  for (const id of ids)
    devices.set(id, await (await KeptConnections.enroll(server, id)).open(workers));
  const keys = ['--server-keys', 'platform', '--server-key-delivery', 'plain-allowed'];
  await run('group', 'set', 'default', '--revoke-old', 'now', ...keys);
});

const deviceOf = (id: (typeof ids)[number]) => devices.get(id) ?? assert.fail();

function reenroll({ certificate, key }: KeptConnections, request: Buffer): Promise<EstAnswer> {
  const shown = { certificate, key: key.key };
  return post(`${server.est}/simplereenroll`, server.root, request, shown);
}

/** A device whose renewal revoked its certificate. */
async function renew(id: (typeof ids)[number]): Promise<Lost> {
  const old = deviceOf(id);
  const newKey = makeKey();
  const request = old.renewal(newKey);
  return { old, newKey, request, renewed: certificateOf(await reenroll(old, request)) };
}

function assertRefused(answers: readonly EstAnswer[], reason = 'superseded'): void {
  assert.equal(answers.length, workers);
  for (const { status, body } of answers) {
    assert.equal(status, 403, body);
    assert.match(body, new RegExp(`is revoked \\(${reason}\\)`));
  }
}

function assertRepeated(answers: readonly EstAnswer[], renewed: string): void {
  assert.equal(answers.length, workers);
  for (const answer of answers) assert.equal(certificateOf(answer), renewed);
}

const certificatesFor = async (device: string) =>
  (await server.json<unknown[]>('cert', 'list', '--device', device)).length;

describe('the very same request', { timeout }, () => {
  test('is answered with the same certificate, at each worker, and issues nothing', async () => {
    const { old, request, renewed } = await renew('repeating');
    const before = await certificatesFor(old.id);
    const shown = await server.json<Record<string, string>>('cert', 'show', old.serialNumber);
    assert.deepEqual([shown.status, shown.revocationReason], ['revoked', 'superseded']);
    for (let i = 0; i < 2; i++) assertRepeated(await old.ask(request), renewed);
    assert.equal(await certificatesFor(old.id), before);
  });

  test('also when it comes many times at the same time', async () => {
    const old = deviceOf('at-once');
    const request = old.renewal(makeKey());
    const answers = await Promise.all(Array.from({ length: 8 }, () => reenroll(old, request)));
    assert.equal(new Set(answers.map(certificateOf)).size, 1);
  });

  test('not once the new certificate was used', async () => {
    const { old, newKey, request, renewed } = await renew('arrived');
    assertRepeated(await old.ask(request), renewed);
    await new KeptConnections(server, old.id, newKey, renewed).open(1);
    assertRefused(await old.ask(request));
  });

  test('not after ten minutes', async () => {
    const { old, request, renewed } = await renew('late');
    const issuedAgo = (minutes: number) =>
      inDatabase(
        'update issuance set issued_at = ? where serial_number = ?',
        new Date(Date.now() - minutes * 60_000).toISOString(),
        serialOf(renewed),
      );
    issuedAgo(9);
    assertRepeated(await old.ask(request), renewed);
    issuedAgo(10);
    assertRefused(await old.ask(request));
  });

  test('not while its device is blocked, nor where the new certificate is revoked', async () => {
    const { old, request, renewed } = await renew('barred');
    await run('device', 'block', old.id);
    assertRefused(await old.ask(request));
    await run('device', 'unblock', old.id);
    assertRepeated(await old.ask(request), renewed);
    await run('cert', 'revoke', serialOf(renewed));
    assertRefused(await old.ask(request));
  });

  test('not where an operator revoked the old certificate, for whatever reason', async () => {
    // Its renewals before left the old certificate as it was.
    const old = deviceOf('withdrawn');
    await run('cert', 'revoke', old.serialNumber, '--reason', 'superseded');
    assertRefused(await old.ask(old.renewal()));
  });
});

describe('nothing else', { timeout }, () => {
  let lost: Lost;
  before(async () => {
    lost = await renew('confined');
  });

  test('no other key, name or request', async () => {
    const { old } = lost;
    assertRefused(await old.ask(old.renewal(makeKey())));
    assertRefused(await old.ask(old.renewal()));
    assertRefused(await old.ask(lost.newKey.request('/CN=another')));
    assertRefused(await old.ask(Buffer.from('no request')));
    assertRefused(await old.ask(Buffer.alloc(0)));
  });

  test('no other operation, with the same request', async () => {
    const { old, request } = lost;
    for (const operation of ['simpleenroll', 'serverkeygen'])
      assertRefused(await old.ask(request, operation));
  });

  test('no path of another group', async () => {
    const { old, request, renewed } = lost;
    assertRepeated(await old.ask(request, 'default/simplereenroll'), renewed);
    await run('tenant', 'add', 'other', '--endpoint', 'mqtts://other.example');
    assertRefused(await old.ask(request, 'other/simplereenroll'));
  });

  test('not under another policy', async () => {
    const { old, request, renewed } = lost;
    assertRepeated(await old.ask(request), renewed);
    await run('group', 'set', 'default', '--revoke-old', 'after-new-is-used');
    assertRefused(await old.ask(request));
  });
});
