/**
 * Events by MQTT: a running server, an unmodified Mosquitto with TLS, and mosquitto_sub, which says what arrives.
 */

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { withStores } from '../../cli/data.ts';
import { loadConfig } from '../../server/config.ts';
import { webhookParts } from '../../server/events/webhook-parts.ts';
import { BestowServer } from '../support/bestow.ts';
import { makeCorporateRoot } from '../support/corporate-ca.ts';
import { certificateOf, makeKey, post } from '../support/est-client.ts';
import { EventBroker, type MqttReceived, writer } from '../support/event-broker.ts';
import { eventually } from '../support/eventually.ts';
import { enlist } from '../support/registry.ts';
import { verify } from '../support/webhook-receiver.ts';

const timeout = 60_000;
const files = mkdtempSync(join(tmpdir(), 'bestow-mqtt-test-'));
const at = (name: string) => join(files, name);
const broker = await EventBroker.start();
await broker.subscribe();
const { certificate, key } = broker.pair('bestow');
writeFileSync(at('authorities.pem'), broker.ca.certificate);
writeFileSync(at('password'), writer.password, { mode: 0o600 });
const server = await BestowServer.start({
  configure: (config) =>
    Object.assign(config, {
      events: {
        allowNetworks: ['127.0.0.0/8'],
        allowMqtt: true,
        authorities: at('authorities.pem'),
        brokers: {
          [`localhost:${broker.port}`]: {
            username: writer.username,
            password: { file: at('password') },
          },
          [`localhost:${broker.certificatePort}`]: { certificate, key: { file: key } },
        },
      },
    }),
});
after(async () => {
  await server[Symbol.asyncDispose]();
  await broker[Symbol.asyncDispose]();
  rmSync(files, { recursive: true, force: true });
});

interface Added {
  readonly id: string;
  readonly secret: string;
}
const add = (url: string, ...args: string[]) => server.json<Added>('webhook', 'add', url, ...args);
const block = (device: string) =>
  withStores({ data: server.data }, ({ devices }) =>
    devices.setStatus(device, 'blocked', 'test', new Date()),
  );
const lastDelivery = (id: string) =>
  withStores({ data: server.data }, async ({ webhooks }) => {
    const [delivery] = await webhooks.deliveries(id, { limit: 1 });
    return delivery;
  });
const below = (prefix: string) =>
  broker.received.filter(({ topic }) => topic.startsWith(`${prefix}/`));
const eventOf = ({ payload }: MqttReceived) => JSON.parse(payload);
const userProperties = ({ properties }: MqttReceived) =>
  properties['user-properties'] as Record<string, string>;

test('an enrollment is told of: each event once, in order, signed', { timeout }, async () => {
  const { id, secret } = await add(broker.url('fleet/a'));
  const { 'pump-1': password } = await enlist(server, { 'pump-1': { site: 'Hall 7' } });
  const url = `${server.est}/simpleenroll`;
  const credentials = { user: 'pump-1', password };
  certificateOf(await post(url, server.root, makeKey().request('/CN=pump-1'), credentials));
  await block('pump-1');
  // That it was seen is noted a moment later, by the worker.
  for (const type of ['seen', 'enrolled', 'blocked'])
    await eventually(() => below('fleet/a').some(({ topic }) => topic.includes(`device.${type}`)));

  const listed = await server.json<{ id: string; sequence: number; type: string; data: object }[]>(
    ...['event', 'list', '--device', 'pump-1', '--since', '1h'],
  );
  const told = listed.sort((one, other) => one.sequence - other.sequence);
  const received = below('fleet/a');
  assert.deepEqual(
    received.map((message) => [message.topic, eventOf(message).id, eventOf(message).data]),
    told.map(({ id: event, type, data }) => [`fleet/a/default/${type}/pump-1`, event, data]),
  );
  assert.ok(told.length >= 4);
  for (const message of received) {
    assert.deepEqual([message.qos, message.retain], [1, 0]);
    const type = 'application/cloudevents+json; charset=utf-8';
    assert.equal(message.properties['content-type'], type);
    const headers = userProperties(message);
    assert.equal(headers['webhook-id'], eventOf(message).id);
    const signed = { path: '', headers, body: message.payload, event: undefined };
    assert.equal(verify(signed, secret), 1);
    assert.equal(verify({ ...signed, body: `${message.payload} ` }, secret), 0);
  }
  await server.json('webhook', 'remove', id);
});

test('what happens while the broker is down arrives when it is back', { timeout }, async () => {
  await enlist(server, { 'pump-2': {}, 'pump-3': {}, 'pump-4': {} });
  const { id } = await add(broker.url('fleet/b'), '--types', 'bestow.device.blocked');
  await broker.stop();
  for (const device of ['pump-2', 'pump-3', 'pump-4']) await block(device);
  await eventually(() =>
    withStores({ data: server.data }, async ({ webhooks }) => {
      const tried = await webhooks.deliveries(id, { limit: 9 });
      return tried.some(({ problem }) => /ECONNREFUSED/.test(problem ?? ''));
    }),
  );
  await broker.start();
  await broker.subscribe();
  await eventually(() => below('fleet/b').length === 3, { timeout: 20_000 });
  assert.deepEqual(
    below('fleet/b')
      .map((message) => eventOf(message).subject)
      .sort(),
    ['pump-2', 'pump-3', 'pump-4'],
  );
  await server.json('webhook', 'remove', id);
});

test('a wrong password is said, and put right without a restart', { timeout }, async () => {
  await enlist(server, { 'pump-5': {} });
  const { id } = await add(broker.url('fleet/c'), '--types', 'bestow.device.blocked');
  writeFileSync(at('password'), 'wrong');
  const since = new Date();
  await block('pump-5');
  const failed = await eventually(async () => {
    const delivery = await lastDelivery(id);
    return delivery?.attempts === 1 && delivery;
  });
  assert.match(failed.problem ?? '', /^the broker refused: not authorized \(135\)$/);
  assert.equal(failed.state, 'pending');
  const shown = await server.cli('webhook', 'show', id);
  assert.ok(!`${shown.stdout}${server.log}`.includes(writer.password));
  writeFileSync(at('password'), writer.password);
  await withStores({ data: server.data }, ({ webhooks }) =>
    webhooks.replay(id, { since }, 'test', new Date()),
  );
  await eventually(() => below('fleet/c').length === 1);
  await server.json('webhook', 'remove', id);
});

test('who is not verified, allowed or believed', { timeout }, async () => {
  const answered = async (url: string, said: RegExp) => {
    const { receivers } = webhookParts(loadConfig(server.data), Buffer.alloc(32));
    const receiver = receivers.open(url, 5000);
    const content = { id: 'x', type: 'bestow.test', at: new Date(), data: {} };
    const event = { content, body: '{}', signature: { 'webhook-id': 'x' } };
    const answer = await receiver.deliver(event).catch(({ message }) => ({ said: message }));
    receiver.close();
    assert.match(answer.said, said, url);
  };
  await answered(broker.url('elsewhere'), /^did not take it: not authorized \(135\)$/);
  await answered(broker.url('fleet/e', broker.certificatePort), /^took it/);
  await answered(`mqtt://localhost:${broker.plainPort}/fleet/f`, /^took it/);
  await eventually(() => below('fleet/e').length === 1 && below('fleet/f').length === 1);
  const count = broker.received.length;
  // The certificate is for localhost, and nothing is known of a broker of this name.
  const elsewhere = `mqtts://127.0.0.1:${broker.port}/fleet`;
  await answered(elsewhere, /does not match certificate's altnames/);
  await answered('mqtts://10.0.0.1/fleet', /not public/);
  const { certificate: other } = makeCorporateRoot({ subject: '/CN=CA of somebody else' });
  writeFileSync(at('authorities.pem'), other);
  await answered(broker.url('fleet'), /self-signed|verify/);
  writeFileSync(at('authorities.pem'), broker.ca.certificate);
  assert.equal(broker.received.length, count);
});

test('bestow webhook test says what came back', { timeout }, async () => {
  await add(broker.url('fleet/d'), '--id', 'told');
  const told = await server.cli('webhook', 'test', 'told');
  assert.match(told.stdout, /^told took the event .*: it took it\.\n$/);
  const [message] = await eventually(() => below('fleet/d').length > 0 && below('fleet/d'));
  assert.equal(message?.topic, 'fleet/d/_/bestow.test/_');
  chmodSync(at('password'), 0o644);
  const open = await server.cli('webhook', 'test', 'told');
  assert.equal(open.exitCode, 7, open.stdout);
  assert.match(open.stderr, /can be read by others/);
  const examined = await server.cli('doctor');
  assert.match(
    examined.stdout,
    /warn +webhooks: the webhook told cannot be reached .* can be read by others/,
  );
  assert.match(examined.stdout, /critical +files: others than its owner can read .*password/);
  chmodSync(at('password'), 0o600);
});

test('bestow webhook add: no secrets in URLs, no wildcards, no questions', {
  timeout,
}, async () => {
  const refused = async (said: RegExp, ...args: string[]) => {
    const { exitCode, stderr } = await server.cli('webhook', 'add', ...args);
    assert.equal(exitCode, 2, stderr);
    assert.match(stderr, said);
  };
  await Promise.all([
    refused(/no user name or password/, 'mqtts://a:b@broker.example/fleet'),
    refused(/begins its topics/, 'mqtts://broker.example/fleet/+/a'),
  ]);
  await refused(/must begin with https/, broker.url('fleet'), '--authorization');
});
