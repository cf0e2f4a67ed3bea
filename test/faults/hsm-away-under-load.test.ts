/**
 * The token goes away under load and comes back: devices are put off in a way they understand, nothing is lost, and
 * nobody has to restart anything.
 */

import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BestowServer } from '../support/bestow.ts';
import { call, certificateOf, type EstAnswer, makeKey, post } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';

const deadline = 1000;
/** What TLS and a busy machine add to the deadline of a signature. */
const allowance = 4000;

const server = await BestowServer.start({
  configure: ({ hsm = {} }) => Object.assign(hsm, { probeInterval: 300, deadline }),
});
after(() => server[Symbol.asyncDispose]());

const renewing = ['renews-1', 'renews-2', 'renews-3'] as const;
const enrolling = ['enrolls-1', 'enrolls-2', 'enrolls-3'] as const;
const passwords = await server.passwords([...renewing, ...enrolling]);
const enrollments = enrolling.map((device) => ({
  device,
  request: makeKey().request(`/CN=${device}`),
}));

function enroll(device: keyof typeof passwords, request: Buffer): Promise<EstAnswer> {
  const credentials = { user: device, password: passwords[device] };
  return post(`${server.est}/simpleenroll`, server.root, request, credentials);
}

const answers: { answer: EstAnswer; took: number }[] = [];
const distributed: number[] = [];
let working = true;

/** Renews its certificate over and over: each time a new credential, hence a signature. */
async function renew(device: (typeof renewing)[number]): Promise<void> {
  const { key, request: make } = makeKey();
  const request = make(`/CN=${device}`);
  let certificate = certificateOf(await enroll(device, request));
  while (working) {
    const started = performance.now();
    const answer = await post(`${server.est}/simplereenroll`, server.root, request, {
      certificate,
      key,
    });
    answers.push({ answer, took: performance.now() - started });
    if (answer.status === 200) certificate = certificateOf(answer);
  }
}

async function fetchCaCertificates(): Promise<void> {
  while (working) distributed.push((await call(`${server.est}/cacerts`, server.root)).status);
}

/** How many answers with this status have come since an index. */
const count = (status: number, since = 0) =>
  answers.slice(since).filter(({ answer }) => answer.status === status).length;

function assertPutOff({ status, headers, body }: EstAnswer): void {
  assert.equal(status, 503, body);
  assert.match(headers['retry-after'] ?? '', /^[1-9]\d*$/);
  assert.match(headers['content-type'] ?? '', /^text\/plain\b/);
  assert.match(body, /cannot be reached/);
}

test('away and back under load: 503 and nothing else, and then as before', {
  timeout: 90_000,
}, async () => {
  const tokens = join(server.data, 'hsm', 'tokens');
  const clients = Promise.all([...renewing.map(renew), fetchCaCertificates()]);
  try {
    await eventually(() => count(200) >= 10, { timeout: 20_000, what: 'enrollment before' });

    renameSync(tokens, `${tokens}-away`);
    await eventually(() => count(503) > 0, { timeout: 20_000, what: 'the first 503' });
    // Every password device is put off at least once, and the renewals go on meanwhile.
    const [putOff, fetched] = [answers.length, distributed.length];
    for (const { device, request } of enrollments) assertPutOff(await enroll(device, request));
    await eventually(() => count(503, putOff) >= 10 && distributed.length > fetched + 3, {
      timeout: 20_000,
      what: 'answers meanwhile',
    });
    assert.equal(count(200, putOff), 0, 'a certificate was issued without the token');

    renameSync(`${tokens}-away`, tokens);
    const back = answers.length;
    await eventually(() => count(200, back) >= 10, { timeout: 40_000, what: 'enrollment after' });
  } finally {
    working = false;
    await clients;
  }
  for (const { answer, took } of answers) {
    if (answer.status !== 200) assertPutOff(answer);
    assert.ok(took < deadline + allowance, `an answer took ${Math.round(took)} ms`);
  }
  assert.deepEqual(new Set(distributed), new Set([200]));
});

test('the passwords that were put off work with the same key, each for one certificate', {
  timeout: 60_000,
}, async () => {
  for (const { device, request } of enrollments) {
    const certificate = certificateOf(await enroll(device, request));
    assert.equal(certificateOf(await enroll(device, request)), certificate);
  }
  const rows = await server.json<{ device?: string; status: string }[]>(
    'cert',
    'list',
    '--limit',
    '100000',
  );
  for (const { device } of enrollments)
    assert.deepEqual(
      rows.filter((row) => row.device === device).map(({ status }) => status),
      ['valid'],
    );
  assert.equal(server.logLines({ msg: 'EST is served' }).length, 1, 'it was not started again');
});
