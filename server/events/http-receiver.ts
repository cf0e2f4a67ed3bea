import { cloudEventsType } from './cloud-event.ts';
import type { EventReceiver, OutgoingEvent, Receipt } from './event-receiver.ts';
import type { WebhookClient } from './webhook-client.ts';

/** Is told by a POST of its own for each event. */
export class HttpReceiver implements EventReceiver {
  readonly #client: Pick<WebhookClient, 'post'>;
  readonly #url: string;
  readonly #timeout: number;

  constructor(client: Pick<WebhookClient, 'post'>, url: string, timeout: number) {
    this.#client = client;
    this.#url = url;
    this.#timeout = timeout;
  }

  async deliver({ body, signature }: OutgoingEvent): Promise<Receipt> {
    const headers = { 'Content-Type': cloudEventsType, ...signature };
    const { status } = await this.#client.post({
      url: this.#url,
      headers,
      body,
      timeout: this.#timeout,
    });
    return { delivered: status >= 200 && status < 300, said: `answered ${status}`, status };
  }

  close(): void {}
}
