import type { AllowedAddresses } from './allowed-addresses.ts';
import { type BrokerAddress, brokerName, readBrokerUrl, topicOf } from './broker-address.ts';
import { cloudEventsType } from './cloud-event.ts';
import type { EventReceiver, OutgoingEvent, Receipt } from './event-receiver.ts';
import { type BrokerCredentials, MqttConnection, reasonText } from './mqtt-connection.ts';

/** What all brokers have in common. */
export interface BrokerOptions {
  readonly addresses: Pick<AllowedAddresses, 'requireHost' | 'lookup'>;
  /** Whether mqtt, without TLS, will do. */
  readonly allowMqtt: boolean;
  /** PEM of the CA certificates that brokers are verified by; those of Node.js where it is left out. */
  readonly authorities?: readonly string[];
  /**
   * Read for each connection: they may change while the server runs.
   * @param broker `HOST:PORT`
   * @throws Error with a sentence where they cannot be read
   */
  credentials(broker: string): BrokerCredentials;
}

/** The only answer below 128 that is no plain success (MQTT 5.0 section 3.4.2.1). */
const noSubscribers = 16;

/** Is told by messages to a broker, over one connection for a turn. */
export class MqttReceiver implements EventReceiver {
  readonly #url: string;
  readonly #timeout: number;
  readonly #options: BrokerOptions;
  #connection: MqttConnection | undefined;

  constructor(url: string, timeout: number, options: BrokerOptions) {
    this.#url = url;
    this.#timeout = timeout;
    this.#options = options;
  }

  async deliver({ content, body, signature }: OutgoingEvent): Promise<Receipt> {
    const end = performance.now() + this.#timeout;
    const address = readBrokerUrl(this.#url, this.#options);
    const topic = topicOf(address.prefix, content);
    if (!this.#connection?.isOpen) this.#connection = await this.#connect(address);
    const about = { payload: body, contentType: cloudEventsType, userProperties: signature };
    const left = Math.max(1, Math.round(end - performance.now()));
    const code = await this.#connection.publish({ topic, ...about }, left);
    if (code >= 128) return { delivered: false, said: `did not take it: ${reasonText(code)}` };
    const unheard = code === noSubscribers ? ', though nobody has subscribed to its topic' : '';
    return { delivered: true, said: `took it${unheard}` };
  }

  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  #connect({ tls, host, port }: BrokerAddress): Promise<MqttConnection> {
    const { addresses, authorities, credentials } = this.#options;
    addresses.requireHost(host);
    const broker = brokerName({ host, port });
    const own = credentials(broker);
    if (!tls && Object.keys(own).length > 0)
      throw new Error(`What events.brokers has for ${broker} is not sent without TLS.`);
    return MqttConnection.open({
      ...{ tls, host, port, timeout: this.#timeout, lookup: addresses.lookup },
      ...(authorities === undefined ? {} : { authorities }),
      ...own,
    });
  }
}
