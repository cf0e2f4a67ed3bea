/**
 * /serverkeygen with several EST workers: a repetition finds the key, whichever worker it comes to, while there is one left
 * that has it.
 */

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { BestowServer } from '../support/bestow.ts';
import { post } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';
import { forgeRequest, sequence } from '../support/forged-request.ts';

const timeout = 60_000;
const server = await BestowServer.start({
  configure: (config) => Object.assign(config.est ?? {}, { workers: 3 }),
});
after(() => server[Symbol.asyncDispose]());

const request = forgeRequest({ subject: sequence() });

async function ask(password: string) {
  const answer = await post(`${server.est}/serverkeygen`, server.root, request, {
    user: 'd',
    password,
  });
  const requestId = answer.headers['x-request-id'];
  const line = await eventually(() => server.logLines({ msg: 'request', requestId })[0]);
  return { ...answer, worker: Number(line.pid) };
}

/** Repeats until at least so many workers have answered. */
async function repeatOver(workers: number, password: string) {
  const answers = [await ask(password)];
  const seen = () => new Set(answers.map(({ worker }) => worker));
  await eventually(async () => {
    answers.push(await ask(password));
    return seen().size >= workers;
  });
  return answers;
}

test('every worker gives the same answer', { timeout }, async () => {
  const set = ['--server-keys', 'platform', '--server-key-delivery', 'plain-allowed'];
  assert.equal((await server.cli('group', 'set', 'default', ...set)).exitCode, 0);
  const { d: password } = await server.passwords(['d']);
  const [first = assert.fail(), ...others] = await repeatOver(3, password);
  assert.equal(first.status, 200, first.body);
  for (const { status, body } of others) {
    assert.equal(status, 200);
    assert.equal(body, first.body);
  }
});

test('the one that made the key may end', { timeout }, async () => {
  const { d: password } = await server.passwords(['d']);
  const first = await ask(password);
  assert.equal(first.status, 200);
  process.kill(first.worker, 'SIGKILL');
  const second = await eventually(() => ask(password).catch(() => undefined));
  assert.notEqual(second.worker, first.worker);
  assert.equal(second.body, first.body);
});

test('requests at the same time get one key and one certificate', { timeout }, async () => {
  const { d: password } = await server.passwords(['d']);
  const answers = await Promise.all([1, 2, 3, 4, 5, 6].map(() => ask(password)));
  const [{ status, body } = assert.fail()] = answers;
  assert.equal(status, 200, body);
  for (const answer of answers) assert.equal(answer.body, body);
});
