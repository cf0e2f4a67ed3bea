/**
 * HTTP authentication by group (RFC 7030 section 3.2.3) over two workers: Basic and Digest with curl and by hand, replays,
 * and what each group asks for.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { withStores } from '../../cli/data.ts';
import { defaultSettings, type GroupSettings } from '../../enrollment/group-settings.ts';
import { NonceMint, nonceLifetime } from '../../server/est/digest-nonce.ts';
import { BestowServer } from '../support/bestow.ts';
import { challengesIn, digest, nonceIn } from '../support/digest-client.ts';
import { certificateOf, type EstAnswer, makeKey, post } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';

const run = promisify(execFile);
const server = await BestowServer.start({
  configure: ({ est = {} }) => Object.assign(est, { workers: 2 }),
});
after(() => server[Symbol.asyncDispose]());
const timeout = 30_000;

const groups = {
  digest: { passwordSchemes: ['digest'] },
  any: { passwordSchemes: ['basic', 'digest'] },
  named: { passwordSchemes: ['basic', 'digest'], passwordOnly: false },
  password: { credentials: 'password' },
  certificate: { credentials: 'certificate' },
  both: { credentials: 'both', passwordSchemes: ['basic', 'digest'] },
} satisfies Record<string, Partial<GroupSettings>>;
type Label = keyof typeof groups;

before(() =>
  withStores({ data: server.data }, async ({ tenants }) => {
    for (const [label, settings] of Object.entries(groups)) {
      const group = { label, tenant: 'default', settings: { ...defaultSettings, ...settings } };
      assert.equal((await tenants.addGroup(group, 'test', new Date())).kind, 'added');
    }
  }),
);

let counter = 0;

/** A new device of a group, with a password. */
async function newcomer(group: Label): Promise<{ user: string; password: string }> {
  const user = `${group}-${++counter}`;
  await withStores({ data: server.data }, ({ devices }) =>
    devices.add({ id: user, tenant: 'default', group, names: [] }, 'test', new Date()),
  );
  return { user, password: await passwordFor(user) };
}

async function passwordFor(user: string): Promise<string> {
  return (await server.passwords([user]))[user] ?? '';
}

const path = (operation: string, label?: Label) =>
  `/.well-known/est/${label ? `${label}/` : ''}${operation}`;

type Sent = Parameters<typeof post>[3] & { label?: Label; der?: Buffer; operation?: string };

/** A key belongs to one device, so each request has its own unless it is given. */
function enroll({ label, der, operation = 'simpleenroll', ...options }: Sent = {}) {
  const url = `${server.origin}${path(operation, label)}`;
  return post(url, server.root, der ?? makeKey().request('/'), options);
}

const withHeader = (authorization: string) => ({ headers: { Authorization: authorization } });

async function challengesOf(label?: Label, agent = 'test'): Promise<string[]> {
  const headers = { 'User-Agent': agent };
  const answer = await enroll({ ...(label ? { label } : {}), headers });
  assert.equal(answer.status, 401);
  assert.equal(answer.body, '');
  return challengesIn(answer.rawHeaders);
}

const freshNonce = async () => nonceIn((await challengesOf('digest'))[0]);

async function logLineOf({ headers }: EstAnswer): Promise<Record<string, unknown>> {
  const match = { requestId: headers['x-request-id'], msg: 'request' };
  return eventually(() => server.logLines(match)[0]);
}

/** A 401 with this reason in the log, and none in the answer. */
async function assertRefused(answer: EstAnswer, reason: RegExp): Promise<void> {
  assert.equal(answer.status, 401, answer.body);
  assert.equal(answer.body, '');
  assert.match(String((await logLineOf(answer)).reason), reason);
}

const isStale = ({ rawHeaders }: EstAnswer) =>
  challengesIn(rawHeaders).map((challenge) => challenge.endsWith(', stale=true'));

/** Runs curl on a request; tells the status of each answer, and each Authorization header that was sent. */
async function curl(label: Label | undefined, der: Buffer, ...args: string[]) {
  const url = `${server.origin}${path('simpleenroll', label)}`;
  const fixed = ['-sS', '-v', '-o', '/dev/null', '--cacert', server.rootFile];
  const type = ['-H', 'Content-Type: application/pkcs10', '--data-raw', der.toString('base64')];
  const { stderr } = await run('curl', [...fixed, ...type, ...args, url]);
  return {
    statuses: [...stderr.matchAll(/^< HTTP\/1\.1 (\d+)/gm)].map(([, status]) => Number(status)),
    sent: [...stderr.matchAll(/^> Authorization: (.*?)\r?$/gm)].map(([, value]) => value ?? ''),
  };
}

describe('a challenge', { timeout }, () => {
  test('has a header for each scheme and algorithm, Basic first, then the strongest', async () => {
    const [basic, sha256, md5, ...more] = await challengesOf('any');
    assert.deepEqual([basic, more], ['Basic realm="EST"', []]);
    assert.match(
      sha256 ?? '',
      /^Digest realm="EST", qop="auth", nonce="[\w-]+", algorithm=SHA-256/,
    );
    assert.match(md5 ?? '', /^Digest realm="EST", qop="auth", nonce="[\w-]+"$/);
  });

  test('is of the schemes of the group, and without a label of those of all groups', async () => {
    assert.deepEqual(await challengesOf('password'), ['Basic realm="EST"']);
    const [first, second, ...more] = await challengesOf('digest');
    assert.match(first ?? '', /^Digest .*algorithm=SHA-256/);
    assert.doesNotMatch(second ?? '', /algorithm/);
    assert.deepEqual(more, []);
    assert.equal((await challengesOf()).length, 3);
  });

  test('begins with MD5 for those who read the first header only and know nothing else', async () => {
    const [first, second] = await challengesOf('digest', 'libest 3.2.0p');
    assert.doesNotMatch(first ?? '', /algorithm|charset/);
    assert.match(second ?? '', /algorithm=SHA-256/);
  });

  test('is not made where no password is accepted: 403', async () => {
    const answer = await enroll({ label: 'certificate' });
    assert.equal(answer.status, 403);
    assert.equal(answer.headers['www-authenticate'], undefined);
    assert.match(answer.body, /client certificate .* no password .* \(request \S+\)\n$/);
  });
});

describe('curl', { timeout }, () => {
  for (const label of [undefined, 'digest'] as const)
    test(`--digest ${label ? 'with' : 'without'} a label answers with SHA-256`, async () => {
      const { user, password } = await newcomer('digest');
      const der = makeKey().request('/');
      const { statuses, sent } = await curl(label, der, '--digest', '-u', `${user}:${password}`);
      assert.deepEqual(statuses, [401, 200]);
      assert.match(sent[0] ?? '', new RegExp(`^Digest username="${user}".*algorithm=SHA-256`));
    });

  test('--anyauth takes Digest, though Basic stands first', async () => {
    const { user, password } = await newcomer('any');
    const der = makeKey().request('/');
    const { statuses, sent } = await curl('any', der, '--anyauth', '-u', `${user}:${password}`);
    assert.deepEqual(statuses, [401, 200]);
    assert.match(sent.at(-1) ?? '', /^Digest /);
  });

  test('-u alone sends Basic at once; without a user name the password is enough', async () => {
    const { password } = await newcomer('any');
    const { statuses } = await curl('any', makeKey().request('/'), '-u', `:${password}`);
    assert.deepEqual(statuses, [200]);
  });

  test('--digest without a user name, while few passwords could be meant', async () => {
    const { password } = await newcomer('any');
    const der = makeKey().request('/');
    const { statuses } = await curl('any', der, '--digest', '-u', `:${password}`);
    assert.deepEqual(statuses, [401, 200]);
  });

  test('gives up on a wrong password after one challenge', async () => {
    const { user } = await newcomer('digest');
    const der = makeKey().request('/');
    const { statuses } = await curl('digest', der, '--digest', '-u', `${user}:wrong`);
    assert.deepEqual(statuses, [401, 401]);
  });

  test('a recorded header, sent once more, is worth nothing', async () => {
    const { user, password } = await newcomer('digest');
    const der = makeKey().request('/');
    const { sent } = await curl('digest', der, '--digest', '-u', `${user}:${password}`);
    const again = await enroll({ label: 'digest', der, ...withHeader(sent[0] ?? '') });
    await assertRefused(again, /repeats an earlier one/);
    assert.deepEqual(isStale(again), [true, true]);
  });
});

describe('a Digest response', { timeout }, () => {
  const uri = path('simpleenroll', 'digest');
  const answer = (header: string, der: Buffer) =>
    enroll({ label: 'digest', der, ...withHeader(header) });

  test('uses its nonce once with each count, on any connection and any worker', async () => {
    const device = await newcomer('digest');
    const der = makeKey().request('/');
    const nonce = await freshNonce();
    const send = (count: number) => answer(digest({ ...device, nonce, uri, count }), der);
    for (const [count, status] of [
      [1, 200],
      [2, 200],
      [2, 401],
      [1, 401],
    ] as const)
      assert.equal((await send(count)).status, status, `nc ${count}`);
    const raced = await Promise.all(Array.from({ length: 20 }, () => send(3)));
    assert.equal(raced.filter(({ status }) => status === 200).length, 1);
    const workers = await Promise.all(raced.map(async (each) => (await logLineOf(each)).pid));
    assert.equal(new Set(workers).size, 2, 'both workers were asked');
  });

  test('with a nonce too old is to be sent anew; the password was not looked at', async () => {
    const device = await newcomer('digest');
    const pepper = readFileSync(join(server.data, 'secrets', 'one-time-password-pepper'), 'utf8');
    const mint = new NonceMint(Buffer.from(pepper.trim()));
    const nonceOfAge = (age: number) => mint.make(new Date(Date.now() - age));
    const der = makeKey().request('/');
    const good = digest({ ...device, nonce: nonceOfAge(nonceLifetime - 10_000), uri });
    assert.equal((await answer(good, der)).status, 200);
    const old = digest({ ...device, nonce: nonceOfAge(nonceLifetime), uri });
    const refused = await answer(old, der);
    await assertRefused(refused, /too old, or not ours/);
    assert.deepEqual(isStale(refused), [true, true]);
    const foreign = new NonceMint(Buffer.from('another pepper')).make(new Date());
    await assertRefused(await answer(digest({ ...device, nonce: foreign, uri }), der), /not ours/);
  });

  test('is for its own uri and method', async () => {
    const device = await newcomer('digest');
    const der = makeKey().request('/');
    const other = { ...device, nonce: await freshNonce(), uri: path('simplereenroll', 'digest') };
    const elsewhere = await answer(digest(other), der);
    await assertRefused(elsewhere, /is for the uri/);
    assert.deepEqual(isStale(elsewhere), [false, false]);
    const got = { ...device, nonce: await freshNonce(), uri, method: 'GET' };
    await assertRefused(await answer(digest(got), der), /not of the one-time password/);
  });

  test('by MD5, which is what a response without algorithm means', async () => {
    const device = await newcomer('digest');
    const header = digest({ ...device, nonce: await freshNonce(), uri, algorithm: 'MD5' });
    const unnamed = header.replace(', algorithm=MD5', '');
    assert.equal((await answer(unnamed, makeKey().request('/'))).status, 200);
  });

  test('to a password made before its group offered Digest: the log says so', async () => {
    const device = await newcomer('password');
    await withStores({ data: server.data }, ({ tenants }) =>
      tenants.changeSettings(
        'password',
        { passwordSchemes: ['basic', 'digest'] },
        'test',
        new Date(),
      ),
    );
    const target = path('simpleenroll', 'password');
    const send = async (password: string) =>
      enroll({
        label: 'password',
        ...withHeader(digest({ ...device, password, nonce: await freshNonce(), uri: target })),
      });
    await assertRefused(await send(device.password), /did not offer Digest; make a new one/);
    const { status } = await send(await passwordFor(device.user));
    assert.equal(status, 200);
  });

  test('that is wrong counts as a failure of the device, for Basic as well', async () => {
    const { user, password } = await newcomer('any');
    const target = path('simpleenroll', 'any');
    for (let i = 0; i < 5; i++) {
      const wrong = digest({ user, password: 'wrong', nonce: await freshNonce(), uri: target });
      assert.equal((await enroll({ label: 'any', ...withHeader(wrong) })).status, 401);
    }
    assert.equal((await enroll({ label: 'any', user, password })).status, 429);
  });

  test('with a spent password repeats its request, and does nothing else', async () => {
    const device = await newcomer('digest');
    const der = makeKey().request('/');
    const send = async (request: Buffer) =>
      answer(digest({ ...device, nonce: await freshNonce(), uri }), request);
    const [first, again] = [await send(der), await send(der)];
    assert.equal(certificateOf(again), certificateOf(first));
    await assertRefused(await send(makeKey().request('/')), /spent on another key/);
  });
});

describe('a group', { timeout }, () => {
  /** A device of the group with a certificate, which it got while the group still took a password alone. */
  async function enrolled(label: Label) {
    const device = await newcomer(label);
    const change = (credentials: GroupSettings['credentials']) =>
      withStores({ data: server.data }, ({ tenants }) =>
        tenants.changeSettings(label, { credentials }, 'test', new Date()),
      );
    const { key, request } = makeKey();
    await change('either');
    const answer = await enroll({ ...device, label, der: request('/') });
    const settings: Partial<GroupSettings> = groups[label];
    await change(settings.credentials ?? 'either');
    const renewal = { operation: 'simplereenroll', der: request(`/CN=${device.user}`) };
    return { user: device.user, holder: { certificate: certificateOf(answer), key }, renewal };
  }

  test('that takes Basic alone or Digest alone refuses the other', async () => {
    const ofDigest = await newcomer('digest');
    for (const label of ['digest', undefined] as const)
      await assertRefused(
        await enroll({ ...ofDigest, ...(label ? { label } : {}) }),
        /accepts no password by HTTP basic/,
      );
  });

  test('that wants user names refuses a password alone', async () => {
    const { user, password } = await newcomer('named');
    const label = 'named';
    await assertRefused(await enroll({ label, user: '', password }), /without a user name/);
    assert.equal((await enroll({ label, user, password })).status, 200);
  });

  test('that wants a password takes a certificate for re-enrollment alone', async () => {
    const label = 'password';
    const { user, holder, renewal } = await enrolled(label);
    await assertRefused(await enroll({ label, ...holder }), /asks for a password/);
    assert.equal((await enroll({ label, ...holder, ...renewal })).status, 200);
    const password = await passwordFor(user);
    assert.equal((await enroll({ label, ...holder, user, password })).status, 200);
  });

  test('that wants a certificate takes no password, good as it may be', async () => {
    const label = 'certificate';
    const { user, holder, renewal } = await enrolled(label);
    const password = await passwordFor(user);
    // Here a password is of no use, so there is no challenge, and 403 instead of 401.
    for (const more of [{}, holder]) {
      const answer = await enroll({ label, user, password, ...more });
      assert.equal(answer.status, 403);
      assert.match(String((await logLineOf(answer)).reason), /accepts no password/);
      assert.doesNotMatch(answer.body, /certificate-\d/);
    }
    await assertRefused(await enroll({ user, password }), /accepts no password/);
    assert.equal((await enroll({ label, ...holder })).status, 200);
    assert.equal((await enroll({ label, ...holder, ...renewal })).status, 200);
  });

  test('that wants both takes both, of one device, by Basic and by Digest', async () => {
    const label = 'both';
    const { user, holder } = await enrolled(label);
    const password = await passwordFor(user);
    await assertRefused(await enroll({ label, ...holder }), /the password is missing/);
    await assertRefused(await enroll({ label, user, password }), /the certificate is missing/);
    await assertRefused(await enroll({ user, password }), /the certificate is missing/);
    const other = await enrolled(label);
    const foreign = { ...other.holder, user, password };
    await assertRefused(
      await enroll({ label, ...foreign }),
      /the client certificate of device both/,
    );
    assert.equal((await enroll({ label, ...holder, user, password })).status, 200);
    const once = { user, password: await passwordFor(user), nonce: await freshNonce() };
    const header = digest({ ...once, uri: path('simpleenroll', label) });
    assert.equal((await enroll({ label, ...holder, ...withHeader(header) })).status, 200);
  });

  test('that wants both wants a password for re-enrollment too', async () => {
    const label = 'both';
    const { user, holder, renewal } = await enrolled(label);
    const order = { label, ...holder, ...renewal } as const;
    await assertRefused(await enroll(order), /the password is missing/);
    // So that a client which waits for the challenge gets it, whatever it sends before.
    await assertRefused(await enroll({ ...order, der: Buffer.alloc(0) }), /cannot be read/);
    const password = await passwordFor(user);
    const answer = await enroll({ ...order, user, password });
    assert.equal(answer.status, 200);
    // The password is spent with it.
    const rekey = { ...order, der: makeKey().request(`/CN=${user}`) };
    await assertRefused(await enroll({ ...rekey, user, password }), /spent on another key/);
  });
});

test('no password and nothing made from one is in the log', async () => {
  const { user, password } = await newcomer('digest');
  const nonce = await freshNonce();
  const header = digest({ user, password, nonce, uri: path('simpleenroll', 'digest') });
  const answer = await enroll({ label: 'digest', ...withHeader(header) });
  assert.equal(answer.status, 200);
  await logLineOf(answer);
  const [, response] = /response="(\w+)"/.exec(header) ?? [];
  for (const secret of [password, password.replaceAll('-', ''), response, nonce])
    assert.ok(secret && !server.log.includes(secret));
});
