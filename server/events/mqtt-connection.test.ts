/** What a broker may do with us, on a bare socket; test/integration/mqtt-events.test.ts has a real one. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { generate, parser } from 'mqtt-packet';
import { AllowedAddresses } from './allowed-addresses.ts';
import { MqttConnection } from './mqtt-connection.ts';

const { lookup } = new AllowedAddresses(['127.0.0.0/8']);
const v5 = { protocolVersion: 5 };
const accepted = generate({ cmd: 'connack', reasonCode: 0, sessionPresent: false }, v5);
const acknowledged = (messageId: number) =>
  generate({ cmd: 'puback', messageId, reasonCode: 0 }, v5);
const message = {
  topic: 'a',
  payload: '{}',
  contentType: 'text/plain',
  userProperties: { a: 'b' },
};

type Answer = (kind: string, socket: Socket) => void;

/** Connects to a broker that answers as told, and publishes. @returns what came of it */
async function publishTo(answer: Answer, timeout = 5000): Promise<number> {
  const broker = createServer((socket) => {
    const reading = parser(v5);
    reading.on('packet', ({ cmd }) => answer(cmd, socket));
    socket.on('data', (octets) => reading.parse(octets)).on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  await once(broker, 'listening');
  const { port } = broker.address() as AddressInfo;
  try {
    const to = { tls: false, host: '127.0.0.1', port, lookup, timeout };
    const connection = await MqttConnection.open(to);
    try {
      return await connection.publish(message, timeout);
    } finally {
      connection.close();
    }
  } finally {
    broker.close();
  }
}

const accepting =
  (then: Answer): Answer =>
  (kind, socket) =>
    kind === 'connect' ? socket.write(accepted) : then(kind, socket);
const with3 = Buffer.from([0x20, 2, 0, 1]);

test('a broker that does as it should', async () => {
  const answer = accepting((kind, socket) => kind === 'publish' && socket.write(acknowledged(1)));
  assert.equal(await publishTo(answer), 0);
});

const flood = Buffer.concat([Buffer.from([0x40, 0xff, 0xff, 0xff, 0x7f]), Buffer.alloc(20_000)]);
const cases: Readonly<Record<string, readonly [Answer, RegExp, number?]>> = {
  'says nothing': [() => {}, /did not answer within 200 ms/, 200],
  'does not acknowledge': [accepting(() => {}), /did not answer within 200 ms/, 200],
  'goes away': [accepting((_, socket) => socket.destroy()), /closed the connection|ECONNRESET/],
  'acknowledges another message': [
    accepting((_, socket) => socket.write(acknowledged(2))),
    /nobody asked it for/,
  ],
  'acknowledges before it accepts': [(_, socket) => socket.write(acknowledged(1)), /nobody asked/],
  'accepts twice': [accepting((_, socket) => socket.write(accepted)), /nobody asked it for/],
  'speaks HTTP': [(_, socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'), /MQTT 5|nobody/],
  'speaks MQTT 3.1.1': [(_, socket) => socket.write(with3), /refused: it does not speak MQTT 5/],
  'promises more than an answer': [(_, socket) => socket.write(flood), /more than an answer/],
  'takes QoS 0 alone': [
    (_, socket) =>
      socket.write(
        generate(
          { cmd: 'connack', reasonCode: 0, sessionPresent: false, properties: { maximumQoS: 0 } },
          v5,
        ),
      ),
    /acknowledges no messages/,
  ],
  'ends it with a reason, and says what moves a terminal': [
    accepting((_, socket) =>
      socket.write(
        generate(
          { cmd: 'disconnect', reasonCode: 149, properties: { reasonString: '\u001b[2J' } },
          v5,
        ),
      ),
    ),
    /^Error: the broker ended it: packet too large \(149\)$/,
  ],
};
for (const [what, [answer, problem, timeout]] of Object.entries(cases))
  test(`a broker that ${what}`, () => assert.rejects(publishTo(answer, timeout), problem));
