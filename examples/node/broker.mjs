// @ts-check
/** To the broker by mutual TLS, and as much of MQTT 5 as it takes to say one thing. */

import { connect } from 'node:tls';

const limitMs = 30_000;
const packets = { connack: 2, puback: 4 };

/**
 * Connects, is accepted by the broker, and publishes (quality of service 1) if there is something to be published. With TLS
 * 1.3 a server that does not accept the client says so only after the handshake: the broker's CONNACK says that it does.
 * @param {string} endpoint such as `mqtts://broker.example:8883`
 * @param {{ root: string, device: string }} trust PEM: the root, and certificate, chain and key in one
 * @param {{ topic: string, text: string }} [message]
 * @returns {Promise<void>}
 */
export function publish(endpoint, { root, device }, message) {
  const { protocol, hostname, port } = new URL(endpoint);
  if (protocol !== 'mqtts:') throw new Error(`${endpoint}: this example speaks MQTT alone.`);
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: Number(port || 8883),
      ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
      ca: root,
      cert: device,
      key: device,
      timeout: limitMs,
    });
    const fail = (/** @type {Error} */ error) => {
      socket.destroy();
      reject(new Error(`${endpoint}: ${error.message}`, { cause: error }));
    };
    const done = () => {
      socket.end(Buffer.of(0xe0, 0));
      resolve();
    };
    socket.on('error', fail);
    socket.on('timeout', () => fail(new Error('no answer in time')));
    socket.on('close', () => fail(new Error('the broker closed the connection')));
    let received = Buffer.alloc(0);
    socket.on('data', (part) => {
      received = Buffer.concat([received, part]);
      // Both answers are short: their length has one octet.
      while (received.length >= 2 && received.length >= 2 + (received[1] ?? 0)) {
        const [first = 0, length = 0] = received;
        if (length > 127) return fail(new Error('the answer is too long'));
        const body = received.subarray(2, 2 + length);
        received = received.subarray(2 + length);
        const reason = (first >> 4 === packets.connack ? body[1] : body[2]) ?? 0;
        if (reason >= 0x80) return fail(new Error(`refused with reason 0x${reason.toString(16)}`));
        if (first >> 4 === packets.puback || !message) return done();
        socket.write(publishPacket(message));
      }
    });
    socket.on('secureConnect', () => socket.write(connectPacket));
  });
}

/** Clean start, 60 seconds, no properties, and a name that the broker gives. */
const connectPacket = Buffer.of(0x10, 13, 0, 4, ...Buffer.from('MQTT'), 5, 2, 0, 60, 0, 0, 0);

/** @param {{ topic: string, text: string }} message */
function publishPacket({ topic, text }) {
  const name = Buffer.from(topic);
  const body = Buffer.concat([
    Buffer.of(name.length >> 8, name.length & 0xff),
    name,
    Buffer.of(0, 1, 0),
    Buffer.from(text),
  ]);
  if (body.length > 16_383) throw new Error('The message is too long.');
  return Buffer.concat([Buffer.of(0x32, (body.length & 0x7f) | 0x80, body.length >> 7), body]);
}
