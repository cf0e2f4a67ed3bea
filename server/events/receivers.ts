import { isBrokerUrl } from './broker-address.ts';
import type { EventReceiver, EventReceivers } from './event-receiver.ts';
import { HttpReceiver } from './http-receiver.ts';
import { type BrokerOptions, MqttReceiver } from './mqtt-receiver.ts';
import type { WebhookClient } from './webhook-client.ts';

/** By MQTT where the URL is that of a broker, else by HTTP. */
export class ReceiversByScheme implements EventReceivers {
  readonly #client: Pick<WebhookClient, 'post'>;
  readonly #brokers: BrokerOptions;

  constructor(client: Pick<WebhookClient, 'post'>, brokers: BrokerOptions) {
    this.#client = client;
    this.#brokers = brokers;
  }

  open(url: string, timeout: number): EventReceiver {
    return isBrokerUrl(url)
      ? new MqttReceiver(url, timeout, this.#brokers)
      : new HttpReceiver(this.#client, url, timeout);
  }
}
