/** A person must approve: 202 and Retry-After, until `bestow pending` has decided (RFC 7030 section 4.2.3). */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { operator, withStores } from '../../cli/data.ts';
import type { Approval } from '../../enrollment/approvals.ts';
import { defaultSettings } from '../../enrollment/group-settings.ts';
import { assertRefused as assertRefusedBy } from '../support/assert-refused.ts';
import { BestowServer } from '../support/bestow.ts';
import { postBound } from '../support/bound-client.ts';
import { certificateOf, type EstAnswer, post } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';
import { commonName } from '../support/forged-request.ts';
import { type Asked, ForgingDevice } from '../support/forging-device.ts';
import { auditOf, enlist } from '../support/registry.ts';

const timeout = 30_000;
const server = await BestowServer.start({
  configure: (config) => Object.assign(config.est ?? {}, { waiting: { retryAfter: '7s' } }),
});
after(() => server[Symbol.asyncDispose]());
const assertRefused = assertRefusedBy.bind(undefined, server);

before(async () => {
  await withStores({ data: server.data }, ({ tenants }) => {
    const group = { label: 'free', tenant: 'default', settings: defaultSettings };
    return tenants.addGroup(group, 'test', new Date());
  });
  await server.json('group', 'set', 'default', '--approval', 'on');
});

let devices = 0;

interface Newcomer {
  readonly device: ForgingDevice;
  readonly basic: { readonly user: string; readonly password: string };
}

async function newcomer(prefix = 'waiting'): Promise<Newcomer> {
  const id = `${prefix}-${++devices}`;
  const passwords = await enlist(server, { [id]: { group: 'default', names: ['DNS:a.example'] } });
  return { device: new ForgingDevice(id), basic: { user: id, password: passwords[id] ?? '' } };
}

const ask = (request: Uint8Array, options = {}, path = 'simpleenroll'): Promise<EstAnswer> =>
  post(`${server.est}/${path}`, server.root, request, options);
const enroll = ({ device, basic }: Newcomer, asked: Asked = {}): Promise<EstAnswer> =>
  ask(device.request(asked), basic);

/** The id under which a request waits. */
function waitsAs(answer: EstAnswer): string {
  assert.equal(answer.status, 202, answer.body);
  assert.equal(answer.headers['retry-after'], '7');
  assert.equal(answer.headers['content-type'], 'text/plain; charset=utf-8');
  const [, id = assert.fail(answer.body)] =
    /^The request waits for approval as (req-[0-9a-f]{10}); ask again/.exec(answer.body) ?? [];
  return id;
}

function decide(id: string, approve: boolean): Promise<unknown> {
  return withStores({ data: server.data }, ({ approvals }) =>
    approvals.decide(id, { approve, by: 'test', at: new Date() }),
  );
}
const all = () =>
  withStores({ data: server.data }, ({ approvals }) =>
    approvals.list({ at: new Date(), limit: 1000 }),
  );
const stateOfPassword = ({ device }: Newcomer) =>
  withStores({ data: server.data }, async ({ oneTimePasswords }) => {
    const [password] = await oneTimePasswords.list({ device: device.id, limit: 1 });
    return password?.state;
  });

describe('a request that waits', { timeout }, () => {
  test('is the same on every connection, spends nothing, and is answered once a person approves', async () => {
    const who = await newcomer();
    const { device, basic } = who;
    const id = waitsAs(await enroll(who));
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
      for (const carrier of ['challengePassword', 'estIdentityLinking'] as const) {
        const request = (binding: string) => device.request({ challenges: { [carrier]: binding } });
        const answer = await postBound(server, 'simpleenroll', { ...basic, version, request });
        assert.equal(waitsAs(answer), id, `${version} ${carrier}`);
        // RFC 9266 section 4.1.
        assert.equal(answer.headers.connection, 'close', `${version} ${carrier}`);
      }
    assert.equal(await stateOfPassword(who), 'unused');

    const listed = await server.json<Approval[]>('pending', 'list');
    const [item, ...others] = listed.filter((each) => each.device === device.id);
    assert.deepEqual(others, []);
    assert.equal(item?.id, id);
    assert.equal(item?.subject, `commonName=${device.id}`);
    assert.deepEqual(await server.json('pending', 'show', id), item);

    const approved = await server.cli('pending', 'approve', id);
    assert.equal(approved.exitCode, 0, approved.stderr);
    assert.match(approved.stdout, new RegExp(`${id} is approved: ${device.id} gets`));
    const certificate = certificateOf(await enroll(who));
    assert.equal(await stateOfPassword(who), 'spent');
    assert.equal(certificateOf(await enroll(who)), certificate, 'repeated after the issue');
    const other = new ForgingDevice(device.id);
    await assertRefused(await ask(other.request(), basic), 401, /spent on another key/);

    const holder = { certificate, key: device.key };
    const renew = () => ask(device.request(), holder, 'simplereenroll');
    const next = waitsAs(await renew());
    assert.notEqual(next, id);
    assert.equal(waitsAs(await renew()), next);
    await decide(next, true);
    const renewed = certificateOf(await renew());
    assert.notEqual(renewed, certificate);
    assert.equal(certificateOf(await renew()), renewed);
  });

  test('is told the reason when it is rejected, and may ask for something else', async () => {
    const who = await newcomer();
    const id = waitsAs(await enroll(who));
    const reason = ['--reason', 'Pump 7 is not in the field yet.'];
    const { state } = await server.json<Approval>('pending', 'reject', id, ...reason);
    assert.equal(state, 'rejected');
    const answer = await enroll(who);
    assert.equal(answer.status, 403);
    assert.match(answer.body, new RegExp(`${id} was rejected: Pump 7 is not in the field yet\\.`));
    assert.equal(await stateOfPassword(who), 'unused');
    const another = waitsAs(await ask(new ForgingDevice(who.device.id).request(), who.basic));
    assert.notEqual(another, id);
    assert.notEqual(waitsAs(await enroll(who, { names: ['DNS:a.example'] })), another);
  });

  test('is stored for those alone who may have the certificate', async () => {
    const who = await newcomer();
    const { device, basic } = who;
    const before = (await all()).length;
    const wrong = { user: device.id, password: 'wrong' };
    assert.equal((await ask(device.request(), wrong)).status, 401);
    assert.equal((await enroll(who, { names: ['DNS:foreign.example'] })).status, 403);
    const linking = { challengePassword: Buffer.alloc(32).toString('base64') };
    assert.equal((await enroll(who, { challenges: linking })).status, 400);
    const refused = await postBound(server, 'simpleenroll', {
      ...basic,
      request: (challengePassword) =>
        device.request({ challenges: { challengePassword }, names: ['DNS:foreign.example'] }),
    });
    assert.deepEqual([refused.status, refused.headers.connection], [403, 'close']);
    const unlinked = await postBound(server, 'simpleenroll', {
      ...basic,
      request: () => device.request({ names: ['DNS:foreign.example'] }),
    });
    assert.deepEqual([unlinked.status, unlinked.headers.connection], [403, 'keep-alive']);
    assert.equal((await ask(Buffer.from('no request'), basic)).status, 400);
    assert.equal((await all()).length, before);
  });

  test('is not stored where it could never be issued', async () => {
    const who = await newcomer();
    await decide(waitsAs(await enroll(who)), true);
    certificateOf(await enroll(who));
    const before = (await all()).length;
    const other = await enroll(who, { names: ['DNS:a.example'] });
    await assertRefused(other, 401, /is spent or no longer valid/);
    const thief = await newcomer();
    const stolen = who.device.request({ subject: commonName(thief.device.id) });
    await assertRefused(await ask(stolen, thief.basic), 403, /already certified for another/);
    assert.equal((await all()).length, before);
  });

  test('is one of ten at most: the eleventh is told to come later', async () => {
    const { device, basic } = await newcomer();
    const others = Array.from({ length: 10 }, () => new ForgingDevice(device.id).request());
    for (const request of others) waitsAs(await ask(request, basic));
    const answer = await ask(device.request(), basic);
    assert.equal(answer.status, 429);
    assert.equal(answer.headers['retry-after'], '7');
    assert.match(answer.body, new RegExp(`^10 requests of ${device.id} wait for approval`));
    const [first = assert.fail()] = others;
    await decide(waitsAs(await ask(first, basic)), false);
    waitsAs(await ask(device.request(), basic));
  });

  test('is issued once, however many connections race after the approval', async () => {
    const who = await newcomer();
    await decide(waitsAs(await enroll(who)), true);
    const answers = await Promise.all(Array.from({ length: 50 }, () => enroll(who)));
    assert.equal(new Set(answers.map(certificateOf)).size, 1);
    const issued = await withStores({ data: server.data }, ({ ledger }) =>
      ledger.list({ subscriber: who.device.id, limit: 100 }),
    );
    assert.equal(issued.length, 1);
  });

  test('leaves its way in the audit log', async () => {
    const who = await newcomer('audited');
    const id = waitsAs(await enroll(who));
    await enroll(who);
    await server.json('pending', 'approve', id);
    certificateOf(await enroll(who));
    const about = (action: string) => auditOf(server, action).filter(({ object }) => object === id);
    assert.deepEqual(
      about('request.pending').map(({ actor }) => actor),
      [who.device.id],
    );
    assert.deepEqual(
      about('request.approved').map(({ actor }) => actor),
      [operator()],
    );
    const issued = auditOf(server, 'certificate.intended').filter(
      ({ details }) => details.approval === id,
    );
    assert.deepEqual(
      issued.map(({ actor }) => actor),
      [who.device.id],
    );
    const lines = await eventually(() => {
      const found = server.logLines({ device: who.device.id, status: 202 });
      return found.length === 2 && found;
    });
    assert.equal(lines[0]?.refusal, 'approval-pending');
  });
});

test("what a registration authority asks for waits by the device's group", {
  timeout,
}, async () => {
  const { 'ra-1': password } = await enlist(server, {
    'ra-1': { group: 'free', role: 'registration-authority' },
  });
  const authority = new ForgingDevice('ra-1');
  const basic = { user: 'ra-1', password };
  const certificate = certificateOf(await ask(authority.request(), basic));
  const holder = { certificate, key: authority.key };
  const { device } = await newcomer();
  const relay = (path = 'simpleenroll') => ask(device.request(), holder, path);
  const id = waitsAs(await relay());
  assert.equal(waitsAs(await relay()), id);
  const found = await withStores({ data: server.data }, ({ approvals }) => approvals.find(id));
  assert.equal(found?.device, device.id);
  await decide(id, true);
  const issued = certificateOf(await relay());
  assert.equal(certificateOf(await relay()), issued);
  const [row] = auditOf(server, 'certificate.intended').filter(
    ({ details }) => details.approval === id,
  );
  assert.equal(row?.details.relayedBy, 'ra-1');
  const renewal = new ForgingDevice(device.id);
  const renew = () => ask(renewal.request(), holder, 'simplereenroll');
  const next = waitsAs(await renew());
  await decide(next, false);
  assert.equal((await renew()).status, 403);
});

test('bestow pending: exit codes', { timeout }, async () => {
  const [approved, rejected] = [await newcomer(), await newcomer()];
  const ids = [waitsAs(await enroll(approved)), waitsAs(await enroll(rejected))] as const;
  const endsWith = async (exitCode: number, said: RegExp, ...args: string[]) => {
    const result = await server.cli('pending', ...args);
    assert.equal(result.exitCode, exitCode, `${args.join(' ')}\n${result.stdout}${result.stderr}`);
    assert.match(`${result.stdout}${result.stderr}`, said);
  };
  const [yes, no] = ids;
  await Promise.all([
    endsWith(0, /approved/, 'approve', yes),
    endsWith(0, /rejected/, 'reject', no),
  ]);
  await Promise.all([
    endsWith(5, new RegExp(`${yes} is approved already`), 'reject', yes),
    endsWith(5, new RegExp(`${no} is rejected already`), 'approve', no),
  ]);
  certificateOf(await enroll(approved));
  await Promise.all([
    endsWith(5, new RegExp(`${yes} is used already`), 'approve', yes),
    endsWith(0, new RegExp(no), 'list', '--state', 'rejected'),
  ]);
});

test('a request that nobody decided about expires, and begins anew', { timeout }, async () => {
  await server.stop();
  const file = join(server.data, 'bestow.yaml');
  const config = parse(readFileSync(file, 'utf8'));
  config.est.waiting = { retryAfter: '7s', validity: '1s' };
  writeFileSync(file, stringify(config));
  await server.start();
  const who = await newcomer();
  const id = waitsAs(await enroll(who));
  const anew = await eventually(async () => {
    const now = waitsAs(await enroll(who));
    return now !== id && now;
  });
  assert.match(anew, /^req-/);
  const late = await server.cli('pending', 'approve', id);
  assert.equal(late.exitCode, 5);
  assert.match(late.stderr, /has expired/);
});
