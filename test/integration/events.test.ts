/**
 * Events and authorization by webhook on a running server: unmodified curl enrolls, and a receiver over TLS hears of it, or
 * decides about it.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { promisify } from 'node:util';
import { withStores } from '../../cli/data.ts';
import { defaultSettings } from '../../enrollment/group-settings.ts';
import { BestowServer } from '../support/bestow.ts';
import { certificateOf, type EstRequest, post } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';
import { ForgingDevice } from '../support/forging-device.ts';
import { enlist } from '../support/registry.ts';
import { accepted, answering, verify, WebhookReceiver } from '../support/webhook-receiver.ts';

const run = promisify(execFile);
const timeout = 60_000;
const files = mkdtempSync(join(tmpdir(), 'bestow-events-test-'));
const receiver = await WebhookReceiver.start();
writeFileSync(join(files, 'receiver.pem'), receiver.authorities);
const server = await BestowServer.start({
  configure: (config) =>
    Object.assign(config, {
      events: {
        allowNetworks: ['127.0.0.0/8'],
        authorities: join(files, 'receiver.pem'),
        authorizationTimeout: 500,
      },
    }),
});
after(async () => {
  await server[Symbol.asyncDispose]();
  receiver.close();
  rmSync(files, { recursive: true, force: true });
});
afterEach(() => {
  receiver.answer = accepted;
});

interface CurlAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** A device with openssl and curl: its key stays the same from one try to the next. */
async function curl(device: string, password: string, label = ''): Promise<CurlAnswer> {
  const at = (name: string) => join(files, `${device}.${name}`);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const request = ['-subj', `/CN=${device}`, '-keyout', at('key'), '-outform', 'DER'];
  try {
    statSync(at('csr'));
  } catch {
    await run('openssl', ['req', '-new', ...key, ...request, '-out', at('der')]);
    writeFileSync(at('csr'), readFileSync(at('der')).toString('base64'));
  }
  const sent = ['-H', 'Content-Type: application/pkcs10', '--data-binary', `@${at('csr')}`];
  const { stdout } = await run('curl', [
    ...['-sS', '-i', '--cacert', server.rootFile, '-u', `${device}:${password}`, ...sent],
    `${server.est}/${label === '' ? '' : `${label}/`}simpleenroll`,
  ]);
  const [head = '', body = ''] = stdout.split(/\r\n\r\n(.*)/s);
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]), head, body };
}

const issuedTo = (device: string) =>
  withStores({ data: server.data }, ({ ledger }) => ledger.list({ subscriber: device, limit: 9 }));
const passwordOf = (device: string) =>
  withStores({ data: server.data }, async ({ oneTimePasswords }) => {
    const [password] = await oneTimePasswords.list({ device, limit: 1 });
    return password?.state;
  });

const block = (device: string) =>
  withStores({ data: server.data }, ({ devices }) =>
    devices.setStatus(device, 'blocked', 'test', new Date()),
  );

interface Added {
  readonly id: string;
  readonly secret: string;
}

test('what happens to a device is told: seen, enrolled, refused, revoked', {
  timeout,
}, async () => {
  const { id, secret } = await server.json<Added>('webhook', 'add', receiver.url('/events'));
  const passwords = await enlist(server, { 'pump-1': { site: 'Hall 7', context: { pump: 'P1' } } });
  assert.equal((await curl('pump-1', passwords['pump-1'])).status, 200);
  const types = ['bestow.device.seen', 'bestow.certificate.issued', 'bestow.device.enrolled'];
  await eventually(() => types.every((type) => receiver.of(type, 'pump-1').length === 1));
  const [enrolled] = receiver.of('bestow.device.enrolled', 'pump-1');
  assert.ok(enrolled);
  assert.equal(verify(enrolled, secret), 1);
  const [record] = await issuedTo('pump-1');
  assert.partialDeepStrictEqual(enrolled.event.data, {
    serialNumber: record?.serialNumber,
    endpoints: ['mqtts://broker.example:8883'],
    credential: 'one-time-password',
    device: { id: 'pump-1', site: 'Hall 7', context: { pump: 'P1' } },
  });
  for (const { body } of receiver.received)
    assert.ok(!body.includes(passwords['pump-1']), 'an event holds a password');

  await block('pump-1');
  assert.equal((await curl('pump-1', passwords['pump-1'])).status, 403);
  const refused = await eventually(() => receiver.of('bestow.device.refused', 'pump-1')[0]);
  assert.partialDeepStrictEqual(refused.event.data, {
    ...{ code: 'device-blocked', status: 403, operation: 'simpleenroll' },
  });
  assert.equal(receiver.of('bestow.device.blocked', 'pump-1').length, 1);
  await server.json('cert', 'revoke', record?.serialNumber ?? '', '--reason', 'keyCompromise');
  const revoked = await eventually(() => receiver.of('bestow.certificate.revoked', 'pump-1')[0]);
  assert.equal(revoked.event.data.reason, 'keyCompromise');

  const listed = await server.json<{ type: string; device: string }[]>(
    ...['event', 'list', '--device', 'pump-1', '--since', '1h'],
  );
  assert.equal(listed.length, 6);
  const shown = await server.json<{ counts: { delivered: number }; deliveries: unknown[] }>(
    ...['webhook', 'show', id],
  );
  assert.ok(shown.counts.delivered >= 6 && shown.deliveries.length >= 6);
  assert.ok(!JSON.stringify(shown).includes(secret.slice('whsec_'.length)));

  // A stranger, and a wrong password, leave nothing behind.
  assert.equal((await curl('pump-1', 'wrong')).status, 401);
  assert.equal((await curl('stranger', 'wrong')).status, 401);
  receiver.received.length = 0;
  const { events } = await server.json<{ events: number }>(
    'webhook',
    'replay',
    id,
    '--since',
    '1h',
  );
  assert.ok(events >= 6);
  await eventually(() => receiver.of('bestow.device.enrolled', 'pump-1').length === 1);
  assert.equal(receiver.of('bestow.device.enrolled')[0]?.event.id, enrolled.event.id);
  await server.json('webhook', 'remove', id);
});

test('a device that comes with a revoked certificate is told of', { timeout }, async () => {
  const { id } = await server.json<Added>('webhook', 'add', receiver.url());
  const { 'pump-3': password } = await enlist(server, { 'pump-3': {} });
  const device = new ForgingDevice('pump-3');
  const ask = (path: string, options: EstRequest) =>
    post(`${server.est}/${path}`, server.root, device.request(), options);
  const certificate = certificateOf(await ask('simpleenroll', { user: 'pump-3', password }));
  await withStores({ data: server.data }, ({ ledger }) => {
    const order = { reason: 'keyCompromise', at: new Date(), by: 'test' } as const;
    return ledger.revokeAll({ subscriber: 'pump-3' }, order);
  });
  const { status } = await ask('simplereenroll', { certificate, key: device.key });
  assert.equal(status, 403);
  const refused = await eventually(() => receiver.of('bestow.device.refused', 'pump-3')[0]);
  assert.equal(refused.event.data.code, 'certificate-revoked');
  await server.json('webhook', 'remove', id);
});

test('a restart loses nothing that was not delivered', { timeout }, async () => {
  const { id } = await server.json<Added>(
    'webhook',
    'add',
    receiver.url(),
    '--types',
    'bestow.device.e*',
  );
  receiver.answer = answering(503);
  const passwords = await enlist(server, { 'pump-2': {} });
  assert.equal((await curl('pump-2', passwords['pump-2'])).status, 200);
  await eventually(() =>
    withStores({ data: server.data }, async ({ webhooks }) => {
      const [delivery] = await webhooks.deliveries(id, { limit: 1 });
      return delivery?.attempts === 1;
    }),
  );
  await server.stop('SIGKILL');
  receiver.answer = accepted;
  receiver.received.length = 0;
  await server.start();
  await eventually(() => receiver.of('bestow.device.enrolled', 'pump-2').length === 1);
  await server.json('webhook', 'remove', id);
});

test('bestow webhook: what cannot be, and what can', { timeout }, async () => {
  const file = join(files, 'secret');
  const ends = async (exitCode: number, said: RegExp, ...args: string[]) => {
    const result = await server.cli('webhook', ...args);
    assert.equal(result.exitCode, exitCode, `${args.join(' ')}\n${result.stdout}${result.stderr}`);
    assert.match(`${result.stdout}${result.stderr}`, said);
  };
  await ends(0, /secretFile: /, 'add', receiver.url(), '--id', 'hook', '--secret-file', file);
  assert.match(readFileSync(file, 'utf8'), /^whsec_[A-Za-z0-9+/]{43}=\n$/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  await Promise.all([
    ends(5, /a webhook hook already/, 'add', receiver.url(), '--id', 'hook'),
    ends(2, /events\.allowHttp/, 'add', 'http://receiver.example/'),
  ]);
  await Promise.all([
    ends(2, /no type of event/, 'add', receiver.url(), '--types', 'bestow.device.eaten'),
    ends(3, /no tenant nobody/, 'add', receiver.url(), '--tenant', 'nobody'),
  ]);
  await Promise.all([
    ends(0, /took the event .*: it answered 204/, 'test', 'hook'),
    ends(2, /--since with or without --until, or --dead/, 'replay', 'hook'),
  ]);
  const [tested] = receiver.of('bestow.test');
  assert.ok(tested);
  assert.equal(verify(tested, readFileSync(file, 'utf8').trim()), 1);
  await ends(0, /secret: +whsec_/, 'rotate', 'hook');
  await ends(0, /is disabled/, 'disable', 'hook');
  await ends(0, /hook +disabled/, 'list');
  await ends(0, /is removed/, 'remove', 'hook');
  await ends(3, /no webhook hook/, 'show', 'hook');
});

test('a group whose certificates somebody else must allow', { timeout }, async (t) => {
  const { secret } = await server.json<Added>(
    ...['webhook', 'add', receiver.url('/allow'), '--id', 'inventory', '--authorization'],
  );
  const elsewhere = await server.cli('group', 'add', 'asked', '--authorization-webhook', 'nobody');
  assert.equal(elsewhere.exitCode, 3, elsewhere.stderr);
  await withStores({ data: server.data }, ({ tenants }) => {
    const settings = { ...defaultSettings, authorizationWebhook: 'inventory' };
    return tenants.addGroup({ label: 'asked', tenant: 'default', settings }, 'test', new Date());
  });
  const removed = await server.cli('webhook', 'remove', 'inventory');
  assert.equal(removed.exitCode, 5, removed.stderr);
  const ids = ['pump-11', 'pump-12', 'pump-13', 'pump-14'] as const;
  const known = { region: 'eu-1', site: 'Hall 7', building: 'B2', context: { gearbox: 'G-12' } };
  const passwords = await enlist(
    server,
    Object.fromEntries(
      ids.map((id) => [id, { group: 'asked', names: ['DNS:a.example'], ...known }]),
    ),
  );
  const enroll = (device: string) => curl(device, passwords[device] ?? '', 'asked');
  const isUntouched = async (device: string) => {
    assert.equal(await passwordOf(device), 'unused');
    assert.deepEqual(await issuedTo(device), []);
  };

  await t.test('allow', async () => {
    receiver.answer = answering(200, '{"decision":"allow"}');
    assert.equal((await enroll('pump-11')).status, 200);
    const [asked] = receiver.of('bestow.authorization.requested', 'pump-11');
    assert.ok(asked);
    assert.equal(verify(asked, secret), 1);
    const [record] = await issuedTo('pump-11');
    assert.partialDeepStrictEqual(asked.event.data, {
      ...{ device: 'pump-11', group: 'asked', tenant: 'default', source: '127.0.0.1' },
      publicKeyDigest: record?.publicKeyDigest,
      context: known,
    });
  });

  await t.test('deny', async () => {
    receiver.answer = answering(200, '{"decision":"deny","reason":"It was\\u001b[2J stolen."}');
    const { status, body } = await enroll('pump-12');
    assert.equal(status, 403);
    assert.match(body, /denied by who must authorise it: It was \[2J stolen\./);
    await isUntouched('pump-12');
  });

  await t.test('garbage, and no answer in time', async () => {
    for (const answer of [answering(200, 'allow'), () => {}]) {
      receiver.answer = answer;
      const { status, head, body } = await enroll('pump-13');
      assert.equal(status, 503);
      assert.match(head, /^Retry-After: \d+\r?$/im);
      assert.match(body, /cannot be asked just now; nothing is lost/);
      await isUntouched('pump-13');
    }
    receiver.answer = answering(200, '{"decision":"allow"}');
    assert.equal((await enroll('pump-13')).status, 200);
  });

  await t.test('a request that could not be issued is not asked about', async () => {
    receiver.answer = answering(200, '{"decision":"allow"}');
    await block('pump-14');
    assert.equal((await enroll('pump-14')).status, 403);
    assert.deepEqual(receiver.of('bestow.authorization.requested', 'pump-14'), []);
  });

  await t.test('other groups are not asked about', async () => {
    receiver.answer = answering(500);
    const others = await enlist(server, { 'pump-15': {} });
    assert.equal((await curl('pump-15', others['pump-15'])).status, 200);
    assert.deepEqual(receiver.of('bestow.authorization.requested', 'pump-15'), []);
  });
});
