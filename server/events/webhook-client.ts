/** One signed POST to an address that is not trusted: no redirects, nothing internal, bounded in time and size. */

import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { rootCertificates } from 'node:tls';
import { AllowedAddresses, type Resolve } from './allowed-addresses.ts';

export interface WebhookClientOptions {
  /** In CIDR notation; reached though they are not public. */
  readonly allowNetworks: readonly string[];
  /** Whether http will do. */
  readonly allowHttp: boolean;
  /** PEM of further CA certificates. */
  readonly authorities?: string;
  readonly resolve?: Resolve;
}

export interface WebhookPost {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Milliseconds for all of it. */
  readonly timeout: number;
  /** Octets of the answer that are wanted; the rest is not read. */
  readonly mostOctets?: number;
}

export interface WebhookAnswer {
  readonly status: number;
  /** UTF-8; undefined where the answer is longer than wanted. */
  readonly body: string | undefined;
}

const longestUrl = 2000;

/** @throws TypeError with a sentence */
export function checkWebhookUrl(text: string, { allowHttp }: { allowHttp: boolean }): string {
  if (text.length > longestUrl || !URL.canParse(text))
    throw new TypeError(`"${text.slice(0, 80)}" is not the URL of a webhook.`);
  const { protocol, username, password, hash } = new URL(text);
  if (protocol !== 'https:' && !(protocol === 'http:' && allowHttp))
    throw new TypeError(
      'The URL of a webhook must begin with https://; http:// needs events.allowHttp in the configuration.',
    );
  if (username || password)
    throw new TypeError(
      'The URL of a webhook holds no user name or password: requests are signed.',
    );
  if (hash) throw new TypeError('The URL of a webhook has no fragment.');
  return text;
}

export class WebhookClient {
  readonly #addresses: AllowedAddresses;
  readonly #allowHttp: boolean;
  readonly #ca: string[] | undefined;

  constructor({ allowNetworks, allowHttp, authorities, resolve }: WebhookClientOptions) {
    this.#addresses = new AllowedAddresses(allowNetworks, resolve);
    this.#allowHttp = allowHttp;
    this.#ca = authorities === undefined ? undefined : [...rootCertificates, authorities];
  }

  /**
   * Any status is an answer, also that of a redirect, which is not followed.
   * @throws TypeError, ForbiddenAddress, and Error where there is no answer in time
   */
  async post(post: WebhookPost): Promise<WebhookAnswer> {
    const url = new URL(checkWebhookUrl(post.url, { allowHttp: this.#allowHttp }));
    this.#addresses.requireHost(url.hostname);
    return this.#send(url, post);
  }

  #send(url: URL, { headers, body, timeout, mostOctets = 0 }: WebhookPost): Promise<WebhookAnswer> {
    return new Promise((resolve, reject) => {
      const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
      const outgoing = send(url, {
        method: 'POST',
        agent: false,
        lookup: this.#addresses.lookup,
        ...(this.#ca ? { ca: this.#ca } : {}),
        headers: {
          'Content-Length': Buffer.byteLength(body),
          'User-Agent': 'Bestow',
          ...headers,
        },
      });
      const timer = setTimeout(
        () => outgoing.destroy(new Error(`there was no answer within ${timeout} ms`)),
        timeout,
      );
      const settle = (answer: WebhookAnswer) => {
        resolve(answer);
        outgoing.destroy();
      };
      outgoing.on('error', reject);
      outgoing.on('close', () => {
        clearTimeout(timer);
        reject(new Error('the connection ended before the answer did'));
      });
      outgoing.on('response', (incoming) => {
        const { statusCode: status = 0 } = incoming;
        if (mostOctets === 0) return settle({ status, body: undefined });
        const parts: Buffer[] = [];
        let octets = 0;
        incoming.on('error', reject);
        incoming.on('data', (part: Buffer) => {
          octets += part.length;
          if (octets > mostOctets) settle({ status, body: undefined });
          else parts.push(part);
        });
        incoming.on('end', () => settle({ status, body: Buffer.concat(parts).toString('utf8') }));
      });
      outgoing.end(body);
    });
  }
}
