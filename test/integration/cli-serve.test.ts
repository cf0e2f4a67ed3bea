/**
 * `bestow serve`: it ends without dropping a request, works beside the other commands, and is alone on its data.
 */

import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BestowServer } from '../support/bestow.ts';
import { call, certificateOf, makeKey, post } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';

const timeout = 60_000;
const server = await BestowServer.start();
after(() => server[Symbol.asyncDispose]());

test('a second server on the same data directory is refused, and the first goes on', {
  timeout,
}, async () => {
  const { exitCode, stderr } = await server.cli('serve');
  assert.equal(exitCode, 5);
  assert.match(stderr, new RegExp(`already runs on this data directory .process ${server.pid}.`));
  assert.equal((await call(`${server.est}/cacerts`, server.root)).status, 200);
});

test('commands and the server write at the same time', { timeout }, async () => {
  const devices = ['d1', 'd2', 'd3'] as const;
  const passwords = await server.passwords(devices);
  let working = true;
  /** Enrolls, then renews with each new certificate. */
  const enrollAgainAndAgain = async (device: (typeof devices)[number]): Promise<number> => {
    const { key, request: make } = makeKey();
    const request = make(`/CN=${device}`);
    const credentials = { user: device, password: passwords[device] };
    const first = await post(`${server.est}/simpleenroll`, server.root, request, credentials);
    let certificate = certificateOf(first);
    let issued = 1;
    for (; working; issued += 1)
      certificate = certificateOf(
        await post(`${server.est}/simplereenroll`, server.root, request, { certificate, key }),
      );
    return issued;
  };
  const enrollments = Promise.all(devices.map(enrollAgainAndAgain));
  const commands = Array.from({ length: 3 }, (_, i) => [
    ['otp', 'create', '--device', `new-${i}`],
    ['device', 'add', `added-${i}`],
    ['tenant', 'set-endpoint', 'default', `mqtts://broker-${i}.example:8883`],
  ]);
  try {
    for (const batch of commands)
      for (const { exitCode, stderr } of await Promise.all(batch.map((c) => server.cli(...c))))
        assert.equal(exitCode, 0, stderr);
  } finally {
    working = false;
  }
  const issued = (await enrollments).reduce((sum, n) => sum + n);
  assert.ok(issued > 10, `only ${issued} certificates were issued meanwhile`);
  const known = await server.json<{ id: string }[]>('device', 'list');
  for (const id of ['new-0', 'new-1', 'new-2', 'added-0', 'added-1', 'added-2'])
    assert.ok(
      known.some((device) => device.id === id),
      id,
    );
});

/** Sends the head of a request and waits until the server has begun to work on it. */
function beginEnrollment(user: string, password: string, body: string) {
  const outgoing = httpsRequest(`${server.est}/simpleenroll`, {
    method: 'POST',
    ca: server.root,
    auth: `${user}:${password}`,
    headers: {
      'Content-Type': 'application/pkcs10',
      'Content-Length': body.length,
      Expect: '100-continue',
    },
  });
  const answered = new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      let text = '';
      incoming.setEncoding('latin1').on('data', (part: string) => {
        text += part;
      });
      incoming.on('end', () => resolve({ status: incoming.statusCode, body: text }));
    });
  });
  const begun = new Promise<void>((resolve) => outgoing.on('continue', resolve));
  outgoing.flushHeaders();
  return { begun, finish: () => outgoing.end(body), answered };
}

test('SIGTERM: the request in flight is finished, the next is not taken, exit code 0', {
  timeout,
}, async () => {
  const { last } = await server.passwords(['last']);
  const body = makeKey().request('/').toString('base64');
  const { begun, finish, answered } = beginEnrollment('last', last, body);
  await begun;
  const { est, root } = server;
  const ended = server.stop('SIGTERM');
  await eventually(() => server.logLines({ msg: 'stopping', signal: 'SIGTERM' }).length === 1);
  await eventually(async () => {
    const answer = await call(`${est}/cacerts`, root).catch((error: Error) => error);
    return answer instanceof Error && /ECONNREFUSED/.test(String(answer));
  });
  assert.equal(server.logLines({ msg: 'stopped' }).length, 0);
  finish();
  const { status, body: answer } = await answered;
  assert.equal(status, 200);
  assert.equal(await ended, 0);
  assert.equal(server.logLines({ msg: 'stopped' }).length, 1);
  assert.ok(!existsSync(join(server.data, 'run', 'est.url')));
  assert.ok(!existsSync(join(server.data, 'run', 'server.pid')));

  const [row] = await server.json<{ serialNumber: string; status: string }[]>(
    'cert',
    'list',
    '--device',
    'last',
  );
  assert.equal(row?.status, 'valid');
  const { stdout } = await server.cli('cert', 'show', row?.serialNumber ?? '', '--pem');
  assert.equal(stdout, certificateOf({ status: 200, headers: {}, rawHeaders: [], body: answer }));
});

test('SIGINT ends it as well, and it starts again on the same data', { timeout }, async () => {
  await server.start();
  const known = await server.json<{ id: string }[]>('device', 'list');
  assert.ok(known.some(({ id }) => id === 'last'));
  assert.equal(await server.stop('SIGINT'), 0);
});

test('a claim left by a server that was killed is taken over', { timeout }, async () => {
  await server.start();
  const lock = join(server.data, 'run', 'server.pid');
  assert.equal(Number(readFileSync(lock, 'utf8')), server.pid);
  assert.equal(await server.stop('SIGKILL'), 'SIGKILL');
  assert.ok(existsSync(lock));
  await server.start();
  assert.equal((await call(`${server.est}/cacerts`, server.root)).status, 200);
});

test('an address that is none is refused before anything starts', {
  timeout,
}, async () => {
  assert.equal(await server.stop(), 0);
  for (const listen of ['nonsense', '127.0.0.1:99999']) {
    const { exitCode, stderr } = await server.cli('serve', '--listen', listen);
    assert.equal(exitCode, 2);
    assert.match(stderr, /is not HOST:PORT/);
  }
});

test('a data directory that was moved serves where it is now', { timeout }, async () => {
  const password = await server.password('moved');
  await server.stop();
  const moved = `${server.data}-moved`;
  renameSync(server.data, moved);
  server.data = moved;
  await server.start();
  const credentials = { user: 'moved', password };
  const answer = await post(
    `${server.est}/simpleenroll`,
    server.root,
    makeKey().request('/CN=moved'),
    credentials,
  );
  certificateOf(answer);
});
