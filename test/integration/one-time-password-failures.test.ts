/**
 * Failed authentications are counted, for a device and the source it is tried from, for a device, and for a source;
 * whoever fails too often has to wait, and nobody else.
 */

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { BestowServer } from '../support/bestow.ts';
import { type EstAnswer, makeKey, post } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';

type Failures = Readonly<Record<string, number | string>>;

function start(failures: Failures): Promise<BestowServer> {
  return BestowServer.start({ configure: ({ est = {} }) => Object.assign(est, { failures }) });
}

const nonsense = Buffer.from('no request');
const wrong = '0000-0000-0000-0000-0000-0000-0000';

function enroll(
  server: BestowServer,
  user: string,
  password: string,
  request: Buffer = nonsense,
): Promise<EstAnswer> {
  return post(`${server.est}/simpleenroll`, server.root, request, { user, password });
}

async function fail(server: BestowServer, user: string, times: number): Promise<void> {
  for (let i = 0; i < times; i += 1)
    assert.equal((await enroll(server, user, wrong)).status, 401, `failure ${i + 1} of ${user}`);
}

function assertPaused({ status, headers, body }: EstAnswer, most: number): void {
  assert.equal(status, 429, body);
  assert.match(headers['retry-after'] ?? '', /^[1-9]\d*$/);
  assert.ok(Number(headers['retry-after']) <= most);
  assert.match(headers['content-type'] ?? '', /^text\/plain\b/);
}

const server = await start({});
after(() => server[Symbol.asyncDispose]());

test('five failures for a device, then a pause, also for the right password', {
  timeout: 60_000,
}, async () => {
  const passwords = await server.passwords(['target', 'bystander']);
  await fail(server, 'target', 5);
  const quarterOfAnHour = 15 * 60;
  assertPaused(await enroll(server, 'target', wrong), quarterOfAnHour);
  const request = makeKey().request('/');
  assertPaused(await enroll(server, 'target', passwords.target, request), quarterOfAnHour);
  // Another device behind the same address goes on.
  assert.equal((await enroll(server, 'bystander', passwords.bystander, request)).status, 200);

  const reissued = await server.password('target');
  assertPaused(await enroll(server, 'target', reissued), quarterOfAnHour);
  assert.equal(await server.stop(), 0);
  await server.start();
  assertPaused(await enroll(server, 'target', reissued), quarterOfAnHour);
});

test('a spent password with another key counts as a failure', { timeout: 60_000 }, async () => {
  const { spender } = await server.passwords(['spender']);
  const request = makeKey().request('/');
  assert.equal((await enroll(server, 'spender', spender, request)).status, 200);
  const another = makeKey().request('/');
  for (let i = 0; i < 5; i += 1)
    assert.equal((await enroll(server, 'spender', spender, another)).status, 401);
  assert.equal((await enroll(server, 'spender', spender, another)).status, 429);
});

test('a success is no failure, however often it is repeated', { timeout: 60_000 }, async () => {
  const { steady } = await server.passwords(['steady']);
  const request = makeKey().request('/');
  for (let i = 0; i < 8; i += 1)
    assert.equal((await enroll(server, 'steady', steady, request)).status, 200);
});

test('a device is limited over all sources, by the limit of the configuration', {
  timeout: 60_000,
}, async () => {
  await using strict = await start({ perCredential: 2, perSource: 1000 });
  await fail(strict, 'target', 2);
  assertPaused(await enroll(strict, 'target', wrong), 15 * 60);
  await fail(strict, 'another', 1);
});

test('a source is limited over all devices until the window has passed', {
  timeout: 60_000,
}, async () => {
  await using strict = await start({ perSource: 3, window: '3s' });
  const { device } = await strict.passwords(['device']);
  const tries = ['a', 'b', 'c', 'd'].map((user) => enroll(strict, user, wrong));
  await Promise.all(tries);
  assertPaused(await enroll(strict, 'e', wrong), 3);
  assertPaused(await enroll(strict, 'device', device), 3);
  // Then the password is as good as before; 400 is for the request alone.
  await eventually(async () => (await enroll(strict, 'device', device)).status === 400);
  assert.equal((await enroll(strict, 'device', device, makeKey().request('/'))).status, 200);
});
