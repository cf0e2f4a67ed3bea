/** A receiver of webhooks over TLS, which verifies signatures by its own reading of Standard Webhooks 1.0. */

import { execFileSync } from 'node:child_process';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The body, of a CloudEvent. */
  // biome-ignore lint/suspicious/noExplicitAny: what was received is looked into as it is.
  readonly event: any;
}

type Answer = (received: Received, response: ServerResponse) => void;

/** Its certificate for localhost and 127.0.0.1, which is its own CA. */
function makeCertificate(): { key: Buffer; cert: Buffer } {
  const directory = mkdtempSync(join(tmpdir(), 'bestow-receiver-'));
  const [key, cert] = ['key', 'cert'].map((name) => join(directory, name)) as [string, string];
  try {
    const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1';
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
        ...['-subj', '/CN=receiver', '-addext', names, '-days', '2', '-keyout', key, '-out', cert],
      ],
      { stdio: 'ignore' },
    );
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export class WebhookReceiver {
  readonly received: Received[] = [];
  /** What it answers with; 204 unless a test says otherwise. */
  answer: Answer = accepted;
  readonly #tls = makeCertificate();
  readonly #server = createServer(this.#tls, (request, response) => {
    void this.#receive(request, response);
  });

  static async start(): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver();
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  /** PEM of the CA that its certificate is verified by. */
  get authorities(): string {
    return this.#tls.cert.toString();
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  url(path = '/'): string {
    return `https://localhost:${this.port}${path}`;
  }

  of(type: string, device?: string): Received[] {
    return this.received.filter(
      ({ event }) => event.type === type && (device === undefined || event.subject === device),
    );
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts).toString('utf8');
    const { url: path = '', headers } = request;
    const received = { path, headers, body, event: JSON.parse(body) };
    this.received.push(received);
    this.answer(received, response);
  }
}

export const accepted: Answer = (_, response) => {
  response.writeHead(204).end();
};

export function answering(status: number, body = '', headers = {}): Answer {
  return (_, response) => {
    response.writeHead(status, headers).end(body);
  };
}

/** How many signatures a message has that the secret (`whsec_...`) verifies. */
export function verify({ headers, body }: Received, secret: string): number {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const content = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  const expected = createHmac('sha256', key).update(content, 'utf8').digest();
  return String(headers['webhook-signature'])
    .split(' ')
    .filter((signature) => {
      const [version, base64 = ''] = signature.split(',');
      const given = Buffer.from(base64, 'base64');
      return version === 'v1' && given.length === 32 && timingSafeEqual(given, expected);
    }).length;
}
