/**
 * A program of the operator's own says where devices go: unmodified curl enrolls, and a receiver over TLS is asked first.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { withStores } from '../../cli/data.ts';
import { BestowServer } from '../support/bestow.ts';
import { eventually } from '../support/eventually.ts';
import { enlist } from '../support/registry.ts';
import { RenewingDevice } from '../support/renewing-device.ts';
import { answering, verify, WebhookReceiver } from '../support/webhook-receiver.ts';

const timeout = 60_000;
const files = mkdtempSync(join(tmpdir(), 'bestow-allocation-webhook-'));
const receiver = await WebhookReceiver.start();
writeFileSync(join(files, 'receiver.pem'), receiver.authorities);
const server = await BestowServer.start({
  configure: (config) =>
    Object.assign(config, {
      events: {
        allowNetworks: ['127.0.0.0/8'],
        authorities: join(files, 'receiver.pem'),
        allocationTimeout: 500,
      },
    }),
});
const ids = ['named', 'denied', 'silent', 'spare', 'lost'] as const;
const devices = Object.fromEntries(ids.map((id) => [id, new RenewingDevice(server, id)]));
const deviceOf = (id: (typeof ids)[number]) => devices[id] ?? assert.fail(id);
after(async () => {
  await server[Symbol.asyncDispose]();
  receiver.close();
  for (const device of Object.values(devices)) device[Symbol.dispose]();
  rmSync(files, { recursive: true, force: true });
});

const naming = (...endpoints: string[]) => answering(200, JSON.stringify({ endpoints }));
let secret = '';
let passwords: Record<string, string>;

before(async () => {
  ({ secret } = await server.json<{ secret: string }>(
    ...['webhook', 'add', receiver.url('/where'), '--id', 'inventory', '--allocation'],
  ));
  await server.json('group', 'add', 'asked', '--tenant', 'default');
  await server.json('group', 'add', 'spared', '--tenant', 'default');
  passwords = await enlist(server, {
    ...Object.fromEntries(ids.map((id) => [id, { group: 'asked' }])),
    named: { group: 'asked', region: 'eu', site: 'Hall 7', context: { gearbox: 'G-12' } },
    spare: { group: 'spared' },
  });
  const asking = ['--policy', 'webhook', '--webhook', 'inventory'];
  await server.json('allocation', 'set', 'asked', ...asking, '--otherwise', 'refuse');
  const spare = ['--otherwise', 'fixed', '--endpoint', 'mqtts://spare.example:8883'];
  await server.json('allocation', 'set', 'spared', ...asking, ...spare);
  receiver.answer = naming('mqtts://probe.example');
  const probe = new RenewingDevice(server, 'probe');
  const { probe: password } = await enlist(server, { probe: { group: 'asked' } });
  // The first second of the policies may pass unseen.
  await eventually(async () => {
    const [first, renewed] = [await probe.enroll(password), await probe.renew()];
    assert.deepEqual([first.status, renewed.status], [200, 200]);
    return probe.endpoints[0] === 'mqtts://probe.example';
  });
  probe[Symbol.dispose]();
});

const enroll = (id: (typeof ids)[number]) => deviceOf(id).enroll(passwords[id] ?? '');
const isUntouched = (device: string) =>
  withStores({ data: server.data }, async ({ oneTimePasswords, ledger }) => {
    const [password] = await oneTimePasswords.list({ device, limit: 1 });
    assert.equal(password?.state, 'unused');
    assert.deepEqual(await ledger.list({ subscriber: device, limit: 9 }), []);
  });

test('what it names stands in the certificate; the question is signed', { timeout }, async () => {
  const named = ['mqtts://eu-1.example:8883', 'wss://eu-2.example/mqtt'];
  receiver.answer = naming(...named);
  const { status, body } = await enroll('named');
  assert.equal(status, 200, body);
  assert.deepEqual(deviceOf('named').endpoints, named);
  const [asked] = receiver.of('bestow.allocation.requested', 'named');
  assert.ok(asked);
  assert.equal(verify(asked, secret), 1);
  assert.equal(asked.path, '/where');
  const context = { region: 'eu', site: 'Hall 7', context: { gearbox: 'G-12' } };
  assert.partialDeepStrictEqual(asked.event.data, {
    ...{ device: 'named', group: 'asked', tenant: 'default', source: '127.0.0.1', context },
    profile: 'device',
  });
  assert.match(asked.event.data.requestId, /./);
});

test('a renewal is asked about anew', { timeout }, async () => {
  receiver.answer = naming('mqtts://elsewhere.example');
  assert.equal((await deviceOf('named').renew()).status, 200);
  assert.deepEqual(deviceOf('named').endpoints, ['mqtts://elsewhere.example']);
});

test('a denial: 403 with the reason, and nothing is spent', { timeout }, async () => {
  receiver.answer = answering(200, '{"decision":"deny","reason":"not delivered yet"}');
  const { status, body } = await enroll('denied');
  assert.equal(status, 403);
  assert.match(body, /denied by who says where the device goes: not delivered yet/);
  await isUntouched('denied');
});

test('without a good answer: 503 until there is one', { timeout }, async () => {
  for (const answer of [() => {}, naming('mqtts://user:password@broker.example')]) {
    receiver.answer = answer;
    const { status, headers, body } = await enroll('silent');
    assert.equal(status, 503);
    assert.match(headers['retry-after'] ?? '', /^\d+$/);
    assert.match(body, /Who says where this device goes cannot be asked just now; nothing is lost/);
    await isUntouched('silent');
  }
  receiver.answer = naming('mqtts://late.example');
  assert.equal((await enroll('silent')).status, 200);
  assert.deepEqual(deviceOf('silent').endpoints, ['mqtts://late.example']);
});

test('or what the policy names for that case', { timeout }, async () => {
  receiver.answer = () => {};
  assert.equal((await enroll('spare')).status, 200);
  assert.deepEqual(deviceOf('spare').endpoints, ['mqtts://spare.example:8883']);
  const [line] = server.logLines({ webhook: 'inventory', device: 'spare' });
  assert.match(String(line?.why), /no answer within 500 ms/);
});

test('an answer that was lost is repeated, whatever the webhook says by then', {
  timeout,
}, async () => {
  receiver.answer = naming('mqtts://first.example');
  const first = await enroll('lost');
  for (const later of [naming('mqtts://second.example'), answering(500)]) {
    receiver.answer = later;
    const again = await enroll('lost');
    assert.deepEqual([again.status, again.body], [200, first.body]);
  }
  assert.deepEqual(deviceOf('lost').endpoints, ['mqtts://first.example']);
  assert.equal(receiver.of('bestow.allocation.requested', 'lost').length, 1);
});

test('the simulator and drift ask it only when they are told to', { timeout }, async () => {
  receiver.received.length = 0;
  receiver.answer = naming('mqtts://first.example');
  const simulate = ['allocate', '--dry-run', '--group', 'asked'];
  const table = await server.cli(...simulate);
  assert.match(table.stdout, /the webhook inventory would be asked +5 +100\.0 %/);
  const drift = await server.cli('allocation', 'drift', '--group', 'asked');
  assert.match(
    drift.stdout,
    /lost +asked +mqtts:\/\/first\.example +unknown: the webhook inventory/,
  );
  const shown = await server.json<{ endpoints: string; lastEndpoints: string[] }>(
    ...['device', 'show', 'lost'],
  );
  assert.equal(shown.endpoints, 'unknown: the webhook inventory decides');
  assert.deepEqual(shown.lastEndpoints, ['mqtts://first.example']);
  assert.equal(receiver.received.length, 0);

  const asked = await server.json<{ shares: { endpoint?: string; devices: number }[] }>(
    ...simulate,
    '--ask-webhooks',
  );
  assert.deepEqual(
    asked.shares.map(({ endpoint, devices: count }) => [endpoint, count]),
    [['mqtts://first.example', 5]],
  );
  assert.equal(receiver.received.length, 5);
  assert.ok(receiver.received.every(({ event }) => event.data.dryRun === true));
  const left = await server.json<{ device: string }[]>(
    ...['allocation', 'drift', '--group', 'asked', '--ask-webhooks'],
  );
  assert.ok(!left.some(({ device }) => device === 'lost'));
});

test('what cannot be', { timeout }, async () => {
  const ends = async (exitCode: number, said: RegExp, ...args: string[]) => {
    const result = await server.cli(...args);
    assert.equal(result.exitCode, exitCode, `${args.join(' ')}\n${result.stdout}${result.stderr}`);
    assert.match(`${result.stdout}${result.stderr}`, said);
  };
  const set = ['allocation', 'set', 'asked', '--policy', 'webhook'];
  await server.json('webhook', 'add', receiver.url(), '--id', 'told');
  await Promise.all([
    ends(5, /policies of groups ask the webhook inventory/, 'webhook', 'remove', 'inventory'),
    ends(5, /is for events/, ...set, '--webhook', 'told', '--otherwise', 'refuse'),
  ]);
  await Promise.all([
    ends(3, /no webhook nobody/, ...set, '--webhook', 'nobody', '--otherwise', 'refuse'),
    ends(2, /otherwise/, ...set, '--webhook', 'inventory'),
  ]);
});
