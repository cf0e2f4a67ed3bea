/**
 * Many requests at once with one password: one certificate, whoever wins, in one worker process and in two.
 */

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { BestowServer } from '../support/bestow.ts';
import { certificateOf, type EstAnswer, makeKey, post } from '../support/est-client.ts';

const clients = 50;
const requests = Array.from({ length: clients }, () => makeKey().request('/'));

async function start(workers: number) {
  const server = await BestowServer.start({
    configure: ({ est = {} }) => Object.assign(est, { workers }),
  });
  return { workers, server, passwords: await server.passwords(['contested', 'repeated']) };
}

// All are there before the first test is: what is awaited between two tests lets the hooks after the tests run.
const started = [await start(1), await start(2)];
after(() => Promise.all(started.map(({ server }) => server[Symbol.asyncDispose]())));

for (const { workers, server, passwords } of started) {
  /** All at once. */
  const race = (device: keyof typeof passwords, each: readonly Buffer[]): Promise<EstAnswer[]> => {
    const credentials = { user: device, password: passwords[device] };
    return Promise.all(
      each.map((request) => post(`${server.est}/simpleenroll`, server.root, request, credentials)),
    );
  };

  test(`${clients} keys at once, workers: ${workers}: one wins, the others are refused`, {
    timeout: 60_000,
  }, async () => {
    const answers = await race('contested', requests);
    const [winner, ...more] = answers.filter(({ status }) => status === 200);
    assert.ok(winner);
    assert.equal(more.length, 0);
    const refused = answers.filter(({ status }) => status === 401 || status === 429);
    assert.equal(refused.length, clients - 1);
    await assertOnlyCertificate(server, 'contested', certificateOf(winner));
  });

  test(`one request ${clients} times at once, workers: ${workers}: the same certificate each time`, {
    timeout: 60_000,
  }, async () => {
    const request = makeKey().request('/');
    const answers = await race(
      'repeated',
      Array.from({ length: clients }, () => request),
    );
    const certificates = new Set(answers.map(certificateOf));
    assert.equal(certificates.size, 1);
    await assertOnlyCertificate(server, 'repeated', [...certificates].join());
  });
}

async function assertOnlyCertificate(
  server: BestowServer,
  device: string,
  certificate: string,
): Promise<void> {
  const rows = await server.json<{ serialNumber: string }[]>('cert', 'list', '--device', device);
  assert.equal(rows.length, 1);
  const { stdout } = await server.cli('cert', 'show', rows[0]?.serialNumber ?? '', '--pem');
  assert.equal(stdout, certificate);
}
