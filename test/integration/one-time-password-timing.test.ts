/**
 * How long a refusal takes tells nothing about why: a device that does not exist, a wrong password for one that does,
 * another device's password and a spent one take alike, measured against what an early return would save.
 */

import assert from 'node:assert/strict';
import { Agent } from 'node:https';
import { after, test } from 'node:test';
import { BestowServer } from '../support/bestow.ts';
import { makeKey, post } from '../support/est-client.ts';

const many = { perCredentialAndSource: 10_000, perCredential: 10_000, perSource: 10_000 };
const server = await BestowServer.start({
  configure: ({ est = {} }) => Object.assign(est, { failures: many }),
});
after(() => server[Symbol.asyncDispose]());
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
after(() => agent.destroy());

const rounds = 100;
const request = makeKey().request('/');
const passwords = await server.passwords(['victim', 'spender']);
const nothing = '0000-0000-0000-0000-0000-0000-0000';

const basic = (credentials: string) => `Basic ${Buffer.from(credentials).toString('base64')}`;
const refusals = {
  unknown: basic(`nobody:${nothing}`),
  wrong: basic(`victim:${nothing}`),
  foreign: basic(`victim:${passwords.spender}`),
  spent: basic(`spender:${passwords.spender}`),
  /** The control: without a colon the store is never asked, which is what an early return looks like. */
  early: basic('nobody'),
};
type Refusal = keyof typeof refusals;

/** Milliseconds from the request to the 401, on a connection that is open already. */
async function timeOf(authorization: string): Promise<number> {
  const headers = { Authorization: authorization };
  const started = performance.now();
  const { status } = await post(`${server.est}/simpleenroll`, server.root, request, {
    headers,
    agent,
  });
  const took = performance.now() - started;
  assert.equal(status, 401);
  return took;
}

/** Of interleaved samples, so that whatever else the machine does meets all kinds alike. */
async function medians(): Promise<Record<Refusal, number>> {
  const samples = Object.keys(refusals).map((kind) => ({
    kind: kind as Refusal,
    took: [] as number[],
  }));
  for (let round = 0; round < rounds; round += 1)
    for (const { kind, took } of samples) took.push(await timeOf(refusals[kind]));
  const median = (took: number[]) => took.sort((a, b) => a - b)[rounds >> 1] ?? Number.NaN;
  return Object.fromEntries(samples.map(({ kind, took }) => [kind, median(took)])) as Record<
    Refusal,
    number
  >;
}

/** Why the medians tell the refusals apart, or undefined if they do not. */
function differenceIn({ early, unknown, wrong, foreign, spent }: Record<Refusal, number>) {
  const saved = unknown - early;
  if (saved <= 0) return 'an early return is not to be seen';
  if (Math.abs(wrong - unknown) > saved / 2) return 'a wrong password';
  if (Math.abs(foreign - unknown) > saved / 2) return "another device's password";
  // Only who has the password gets here: its request is read before it is refused, which takes a little longer.
  if (spent < unknown - saved / 2 || spent > 3 * unknown) return 'a spent password';
  return undefined;
}

test('an early return would show, and no refusal shows itself so', {
  timeout: 60_000,
}, async () => {
  const credentials = { user: 'spender', password: passwords.spender };
  const own = makeKey().request('/');
  const { status } = await post(`${server.est}/simpleenroll`, server.root, own, credentials);
  assert.equal(status, 200);
  // What the machine does besides may blur one measurement; a real difference is in each.
  const differences: string[] = [];
  for (let measurement = 0; measurement < 3; measurement += 1) {
    const measured = await medians();
    const difference = differenceIn(measured);
    if (difference === undefined) return;
    differences.push(`${difference}: ${JSON.stringify(measured)}`);
  }
  assert.fail(differences.join('\n'));
});
