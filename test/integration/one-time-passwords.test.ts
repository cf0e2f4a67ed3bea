/**
 * One-time passwords as callers meet them: the forms that are taken, the refusals that all look alike, and that no
 * secret leaves by the log or an answer.
 */

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BestowServer } from '../support/bestow.ts';
import { type EstAnswer, makeKey, post } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';

// This story fails more often on purpose than a source may; one-time-password-failures.test.ts is about that.
const many = { perCredentialAndSource: 10_000, perCredential: 10_000, perSource: 10_000 };
const server = await BestowServer.start({
  configure: (config) => {
    Object.assign(config.est ?? {}, { failures: many });
    config.log = { level: 'debug' };
  },
});
after(() => server[Symbol.asyncDispose]());

const forms = ['plain', 'alone', 'by-credential', 'lower', 'unhyphenated', 'mistaken'] as const;
const passwords = await server.passwords([...forms, 'victim', 'other', 'spent']);
const key = makeKey();
const request = key.request('/');
const answers: EstAnswer[] = [];

async function enroll(user: string, password: string, body = request): Promise<EstAnswer> {
  const answer = await post(`${server.est}/simpleenroll`, server.root, body, { user, password });
  answers.push(answer);
  return answer;
}

/** A fresh key for each device: one key is certified for one device only. */
const ownRequest = () => makeKey().request('/');

/** Status and headers, but for what differs in every answer. */
function appearance({ status, rawHeaders, body }: EstAnswer) {
  const fields = rawHeaders
    .filter((_, i) => i % 2 === 0)
    .map((name, i) => [name, rawHeaders[2 * i + 1]] as const)
    .filter(([name]) => !['x-request-id', 'date'].includes(name.toLowerCase()));
  return { status, fields, body };
}

function reasonFor(answer: EstAnswer): unknown {
  return server.logLines({ msg: 'request', requestId: answer.headers['x-request-id'] })[0]?.reason;
}

test('the forms of a password and its user name', { timeout: 30_000 }, async () => {
  const [{ id } = assert.fail()] = await server.json<{ id: string }[]>(
    'otp',
    'list',
    '--device',
    'by-credential',
  );
  const mistaken = passwords.mistaken.replaceAll('0', 'o').replaceAll('1', 'l');
  const sent: Record<(typeof forms)[number], [user: string, password: string]> = {
    plain: ['plain', passwords.plain],
    alone: ['', passwords.alone],
    'by-credential': [id, passwords['by-credential']],
    lower: ['lower', passwords.lower.toLowerCase()],
    unhyphenated: ['unhyphenated', passwords.unhyphenated.replaceAll('-', '').toLowerCase()],
    mistaken: ['mistaken', mistaken],
  };
  for (const [device, [user, password]] of Object.entries(sent)) {
    const { status, body } = await enroll(user, password, ownRequest());
    assert.equal(status, 200, `${device}: ${body}`);
  }
});

test('O for 0, and I and L for 1, whichever digits chance has given', {
  timeout: 30_000,
}, async () => {
  const withBoth = await eventually(async () => {
    const { both: password } = await server.passwords(['both']);
    return /0/.test(password) && /1.*1/.test(password) && password;
  });
  const mistaken = withBoth.replaceAll('0', 'O').replace('1', 'I').replaceAll('1', 'L');
  assert.notEqual(mistaken, withBoth);
  assert.equal((await enroll('both', mistaken, ownRequest())).status, 200);
});

test('unknown, wrong, foreign, revoked, expired, spent: one appearance', {
  timeout: 60_000,
}, async () => {
  assert.equal((await enroll('spent', passwords.spent, ownRequest())).status, 200);
  const wrong = `${passwords.victim.slice(0, -1)}${passwords.victim.endsWith('0') ? '1' : '0'}`;
  const refusals: Record<string, { answer: EstAnswer; reason: RegExp }> = {
    'a device that does not exist': {
      answer: await enroll('nobody', '0000-0000-0000-0000-0000-0000-0000'),
      reason: /No such/,
    },
    'a wrong password': { answer: await enroll('victim', wrong), reason: /No such/ },
    'no password': { answer: await enroll('victim', ''), reason: /No such/ },
    "another device's password": {
      answer: await enroll('victim', passwords.other),
      reason: /another device's/,
    },
    // RFC 7617 section 2: the first colon ends the user name.
    'a colon in the password': {
      answer: await enroll('victim', `x:${passwords.victim}`),
      reason: /No such/,
    },
    'a spent password with another key': {
      answer: await enroll('spent', passwords.spent),
      reason: /spent on another key/,
    },
    'a spent password without a request': {
      answer: await enroll('spent', passwords.spent, Buffer.from('no request')),
      reason: /spent on another key/,
    },
    'a revoked password': { answer: await useRevoked(), reason: /is revoked/ },
    'an expired password': { answer: await useExpired(), reason: /has expired/ },
  };
  const [first = assert.fail()] = Object.values(refusals);
  const expected = appearance(first.answer);
  assert.equal(expected.status, 401);
  assert.equal(expected.body, '');
  assert.equal(first.answer.headers['www-authenticate'], 'Basic realm="EST"');
  for (const [what, { answer, reason }] of Object.entries(refusals)) {
    assert.deepEqual(appearance(answer), expected, what);
    // The log alone tells them apart, so this test cannot pass for the wrong reason.
    assert.match(String(await eventually(() => reasonFor(answer))), reason, what);
  }
});

async function useRevoked(): Promise<EstAnswer> {
  const { id, password } = await server.json<{ id: string; password: string }>(
    'otp',
    'create',
    '--device',
    'victim',
  );
  assert.equal((await server.cli('otp', 'revoke', id)).exitCode, 0);
  return enroll('victim', password);
}

/** As long as it is good, what is no request at all is answered with 400 and spends nothing. */
async function useExpired(): Promise<EstAnswer> {
  const password = await server.password('victim', '--ttl', '1s');
  await eventually(async () => {
    const { status } = await enroll('victim', password, Buffer.from('no request'));
    return status === 401;
  });
  return enroll('victim', password);
}

test("what others tried spends nothing: the victim's password works still", {
  timeout: 30_000,
}, async () => {
  assert.equal((await enroll('victim', passwords.victim, ownRequest())).status, 200);
  assert.equal((await enroll('other', passwords.other, ownRequest())).status, 200);
});

test('no secret is in the log or in an answer', { timeout: 30_000 }, async () => {
  assert.ok(answers.length > 15);
  const secret = (...path: string[]) => readFileSync(join(server.data, ...path), 'utf8').trim();
  const pepper = secret('secrets', 'one-time-password-pepper');
  const hidden: Record<string, string> = {
    PIN: secret('secrets', 'pin'),
    'security officer PIN': secret('secrets', 'security-officer-pin'),
    pepper,
    'TLS key': secret('tls', 'server-key.pem').split('\n')[1] ?? '',
    'PEM key': 'PRIVATE KEY',
    'device key': key.key.split('\n')[1] ?? '',
  };
  for (const [device, password] of Object.entries(passwords)) {
    const bare = password.replaceAll('-', '');
    const hash = createHmac('sha256', pepper).update(bare).digest();
    hidden[`password of ${device}`] = password;
    hidden[`bare password of ${device}`] = bare;
    hidden[`hash of ${device}`] = hash.toString('hex');
    hidden[`base64 hash of ${device}`] = hash.toString('base64').slice(0, 40);
    hidden[`credentials of ${device}`] = Buffer.from(`${device}:${password}`).toString('base64');
  }
  assert.equal(await server.stop(), 0);
  const said = `${server.log}${JSON.stringify(answers)}`.toLowerCase();
  assert.ok(said.includes('spent on another key'), 'the log is read');
  for (const [what, text] of Object.entries(hidden)) {
    assert.ok(text.length >= 10, `${what} is nothing to look for`);
    assert.ok(!said.includes(text.toLowerCase()), `${what} came out`);
  }
});
