/**
 * One connection to a broker, to publish and nothing else: MQTT 5.0, quality of service 1, one message after the other.
 * Nothing that the broker says in words is shown or kept.
 */

import { randomBytes } from 'node:crypto';
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { generate, type Packet, parser } from 'mqtt-packet';

export interface BrokerCredentials {
  readonly username?: string;
  readonly password?: string;
  /** PEM; both or none. */
  readonly certificate?: string;
  readonly key?: string;
}

export interface MqttConnectionOptions extends BrokerCredentials {
  readonly tls: boolean;
  readonly host: string;
  readonly port: number;
  /** Says which addresses of the host may be connected to. */
  readonly lookup: LookupFunction;
  /** PEM of the CA certificates that the broker is verified by; those of Node.js where it is left out. */
  readonly authorities?: readonly string[];
  /** Milliseconds until the broker has accepted the connection. */
  readonly timeout: number;
}

export interface MqttMessage {
  readonly topic: string;
  readonly payload: string;
  readonly contentType: string;
  readonly userProperties: Readonly<Record<string, string>>;
}

const protocolVersion = 5;
/** A broker has nothing to say to who publishes but acknowledgements. */
const mostOctets = 16_384;
const closingMs = 1000;

type Kind = 'connack' | 'puback';
type Answer<K extends Kind> = Extract<Packet, { cmd: K }>;

interface Expected {
  readonly kind: Kind;
  resolve(packet: Packet): void;
  reject(error: Error): void;
}

export class MqttConnection {
  readonly #socket: Socket;
  readonly #parser = parser({ protocolVersion });
  #expected: Expected | undefined;
  #ended: Error | undefined;
  #messageId = 0;

  /** Connects, and is accepted by the broker. @throws Error with a sentence */
  static async open(options: MqttConnectionOptions): Promise<MqttConnection> {
    const connection = new MqttConnection(options);
    try {
      await connection.#introduce(options);
    } catch (error) {
      connection.#socket.destroy();
      throw error;
    }
    return connection;
  }

  private constructor(options: MqttConnectionOptions) {
    this.#socket = options.tls ? openTls(options) : connectTcp(placeOf(options));
    this.#socket.setNoDelay();
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the broker closed the connection')));
    this.#socket.on('data', (octets: Buffer) => this.#read(octets));
    this.#parser.on('packet', (packet) => this.#receive(packet));
    this.#parser.on('error', () => this.#fail(new Error('the broker does not speak MQTT 5')));
  }

  /** Whether messages can still be published. */
  get isOpen(): boolean {
    return this.#ended === undefined;
  }

  /**
   * @param timeout milliseconds until it is acknowledged
   * @returns the reason code of the acknowledgement (MQTT 5.0 section 3.4.2.1)
   * @throws Error with a sentence
   */
  async publish(message: MqttMessage, timeout: number): Promise<number> {
    const { topic, payload, contentType, userProperties } = message;
    this.#messageId = (this.#messageId % 0xffff) + 1;
    const messageId = this.#messageId;
    const packet = generate(
      {
        cmd: 'publish',
        messageId,
        qos: 1,
        dup: false,
        retain: false,
        topic,
        payload,
        properties: {
          payloadFormatIndicator: true,
          contentType,
          userProperties: { ...userProperties },
        },
      },
      { protocolVersion },
    );
    const answer = await this.#exchange(packet, 'puback', timeout);
    if (answer.messageId !== messageId) throw this.#fail(new Error(unasked));
    return answer.reasonCode ?? 0;
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = new Error('the connection was closed');
    this.#socket.end(generate({ cmd: 'disconnect', reasonCode: 0 }, { protocolVersion }));
    const timer = setTimeout(() => this.#socket.destroy(), closingMs);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  async #introduce({ username, password, timeout }: MqttConnectionOptions): Promise<void> {
    const packet = generate(
      {
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion,
        clientId: `bestow-${randomBytes(8).toString('hex')}`,
        clean: true,
        // Between two packets of ours lies one exchange at most: there is never need for a ping.
        keepalive: Math.ceil((2 * timeout) / 1000),
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password: Buffer.from(password) }),
        properties: { maximumPacketSize: mostOctets },
      },
      { protocolVersion },
    );
    const { reasonCode = 0, properties } = await this.#exchange(packet, 'connack', timeout);
    if (reasonCode !== 0) throw new Error(`the broker refused: ${reasonText(reasonCode)}`);
    if (properties?.maximumQoS === 0)
      throw new Error('the broker acknowledges no messages (QoS 1), so that some would be lost');
  }

  /** Writes a packet, as soon as there is a connection, and waits for its answer. */
  #exchange<K extends Kind>(packet: Buffer, kind: K, timeout: number): Promise<Answer<K>> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      const timer = setTimeout(
        () => this.#fail(new Error(`the broker did not answer within ${timeout} ms`)),
        timeout,
      );
      this.#expected = {
        kind,
        resolve: (answer) => {
          clearTimeout(timer);
          resolve(answer as Answer<K>);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.#socket.write(packet);
    });
  }

  #read(octets: Buffer): void {
    try {
      const waiting = this.#parser.parse(octets);
      if (waiting > mostOctets) this.#fail(new Error('the broker sends more than an answer'));
    } catch {
      this.#fail(new Error('the broker does not speak MQTT 5'));
    }
  }

  #receive(packet: Packet): void {
    if (this.#ended) return;
    if (packet.cmd === 'disconnect') {
      this.#fail(new Error(`the broker ended it: ${reasonText(packet.reasonCode ?? 0)}`));
      return;
    }
    const expected = this.#expected;
    this.#expected = undefined;
    if (expected?.kind === packet.cmd) expected.resolve(packet);
    else {
      const error = this.#fail(new Error(unasked));
      expected?.reject(error);
    }
  }

  #fail(error: Error): Error {
    this.#ended ??= error;
    this.#expected?.reject(error);
    this.#expected = undefined;
    this.#socket.destroy();
    return error;
  }
}

const unasked = 'the broker sent what nobody asked it for';

function placeOf({ host, port, lookup }: MqttConnectionOptions) {
  return { host, port, lookup };
}

function openTls(options: MqttConnectionOptions): Socket {
  const { host, authorities, certificate, key } = options;
  return connectTls({
    ...placeOf(options),
    ...(isIP(host) ? {} : { servername: host }),
    ...(authorities === undefined ? {} : { ca: [...authorities] }),
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
  });
}

/** MQTT 5.0 section 2.4; and what brokers of MQTT 3.1.1 answer who speaks MQTT 5. */
const reasons: Readonly<Record<number, string>> = {
  1: 'it does not speak MQTT 5',
  128: 'unspecified error',
  129: 'malformed packet',
  130: 'protocol error',
  131: 'implementation specific error',
  132: 'it does not speak MQTT 5',
  133: 'client identifier not valid',
  134: 'bad user name or password',
  135: 'not authorized',
  136: 'server unavailable',
  137: 'server busy',
  138: 'banned',
  139: 'server shutting down',
  140: 'bad authentication method',
  141: 'keep alive timeout',
  142: 'session taken over',
  144: 'topic name invalid',
  149: 'packet too large',
  151: 'quota exceeded',
  152: 'administrative action',
  153: 'payload format invalid',
  155: 'QoS not supported',
  156: 'use another server',
  157: 'server moved',
  159: 'connection rate exceeded',
  160: 'maximum connect time',
};

export function reasonText(code: number): string {
  return `${reasons[code] ?? 'reason'} (${code})`;
}
