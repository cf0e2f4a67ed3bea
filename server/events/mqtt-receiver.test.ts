/** Connections to a broker: where they lead, how many there are, and what is shown on them. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { generate, type Packet, parser } from 'mqtt-packet';
import { AllowedAddresses } from './allowed-addresses.ts';
import type { OutgoingEvent } from './event-receiver.ts';
import type { BrokerCredentials } from './mqtt-connection.ts';
import { MqttReceiver } from './mqtt-receiver.ts';

const v5 = { protocolVersion: 5 };
let broker: Server;
let connections = 0;
let code = 0;
let packets: Packet[] = [];

before(async () => {
  broker = createServer((socket) => {
    connections += 1;
    const reading = parser(v5);
    reading.on('packet', (packet) => {
      packets.push(packet);
      if (packet.cmd === 'connect')
        socket.write(generate({ cmd: 'connack', reasonCode: 0, sessionPresent: false }, v5));
      if (packet.cmd === 'publish' && packet.messageId !== undefined)
        socket.write(
          generate({ cmd: 'puback', messageId: packet.messageId, reasonCode: code }, v5),
        );
    });
    socket.on('data', (octets) => reading.parse(octets)).on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  await once(broker, 'listening');
});
after(() => broker.close());
beforeEach(() => {
  [connections, code, packets] = [0, 0, []];
});

const port = () => (broker.address() as AddressInfo).port;

function receiverAt(
  host: string,
  { allowed = ['127.0.0.0/8'], credentials = {} as BrokerCredentials, allowMqtt = true } = {},
): MqttReceiver {
  const addresses = new AllowedAddresses(allowed, async () => [
    { address: '127.0.0.1', family: 4 },
  ]);
  const url = `mqtt://${host}:${port()}/fleet`;
  return new MqttReceiver(url, 2000, { addresses, allowMqtt, credentials: () => credentials });
}

const event = (id: string): OutgoingEvent => ({
  content: { id, type: 'bestow.test', at: new Date(), tenant: 'acme', subject: id, data: {} },
  body: `{"id":"${id}"}`,
  signature: { 'webhook-id': id, 'webhook-signature': 'v1,x' },
});

test('one connection for a turn, and a message for each event', async () => {
  const receiver = receiverAt('broker.example');
  for (const id of ['a', 'b', 'c'])
    assert.deepEqual(await receiver.deliver(event(id)), { delivered: true, said: 'took it' });
  receiver.close();
  assert.equal(connections, 1);
  const published = packets.filter((packet) => packet.cmd === 'publish');
  assert.deepEqual(
    published.map(({ topic, messageId }) => [topic, messageId]),
    [
      ['fleet/acme/bestow.test/a', 1],
      ['fleet/acme/bestow.test/b', 2],
      ['fleet/acme/bestow.test/c', 3],
    ],
  );
  const [first] = published;
  assert.equal(String(first?.payload), '{"id":"a"}');
  assert.partialDeepStrictEqual(first, {
    ...{ qos: 1, retain: false, dup: false },
    properties: {
      contentType: 'application/cloudevents+json; charset=utf-8',
      userProperties: { 'webhook-id': 'a', 'webhook-signature': 'v1,x' },
    },
  });
});

test('after an error, the next event has a connection of its own', async () => {
  const receiver = receiverAt('broker.example');
  await receiver.deliver(event('a'));
  receiver.close();
  await receiver.deliver(event('b'));
  receiver.close();
  assert.equal(connections, 2);
});

test('what a broker answers', async () => {
  const receiver = receiverAt('broker.example');
  code = 16;
  const { delivered, said } = await receiver.deliver(event('a'));
  assert.ok(delivered);
  assert.match(said, /nobody has subscribed/);
  code = 151;
  assert.deepEqual(await receiver.deliver(event('a')), {
    delivered: false,
    said: 'did not take it: quota exceeded (151)',
  });
  receiver.close();
});

test('nothing is connected to that is not allowed', async () => {
  const forbidden = { name: 'ForbiddenAddress' };
  for (const host of ['127.0.0.1', 'broker.example', '2130706433', '[::ffff:127.0.0.1]'])
    await assert.rejects(receiverAt(host, { allowed: [] }).deliver(event('a')), forbidden, host);
  await assert.rejects(
    receiverAt('a.example', { allowMqtt: false }).deliver(event('a')),
    /allowMqtt/,
  );
  const credentials = { username: 'bestow', password: 'secret' };
  await assert.rejects(
    receiverAt('broker.example', { credentials }).deliver(event('a')),
    /is not sent without TLS/,
  );
  assert.equal(connections, 0);
});

test('what cannot be a topic is not published', async () => {
  const receiver = receiverAt('broker.example');
  const { content, ...rest } = event('a');
  const stray = { ...rest, content: { ...content, subject: 'a/#' } };
  await assert.rejects(receiver.deliver(stray), /cannot stand in the topic/);
  assert.equal(connections, 0);
});
