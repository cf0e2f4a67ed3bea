/**
 * TLS with the octets in the open: for speaking HTTP exactly as a client that is not at hand does.
 */

import { once } from 'node:events';
import { connect, type SecureVersion, type TLSSocket } from 'node:tls';
import { eventually } from './eventually.ts';

export interface RawTlsOptions {
  readonly port: number;
  /** PEM. */
  readonly root: string;
  readonly version: SecureVersion;
  /** PEM. */
  readonly certificate?: string;
  readonly key?: string;
  /** A session of an earlier connection, offered for resumption. */
  readonly session?: Buffer;
}

/** One connection. What the server sends is kept as it comes, one entry for each TLS record. */
export class RawTls {
  readonly socket: TLSSocket;
  /** Application data. A read from OpenSSL never spans two records, and Node.js hands over each read. */
  readonly records: Buffer[] = [];
  /** What a later connection offers for resumption; with TLS 1.3 it would come later than this. */
  readonly session: Buffer | undefined;
  /** Whether the session that was offered is gone on with. */
  readonly resumed: boolean;
  #ended = false;
  #error: Error | undefined;

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    this.session = socket.getSession();
    this.resumed = socket.isSessionReused();
    socket.on('data', (record: Buffer) => this.records.push(record));
    socket.on('end', () => {
      this.#ended = true;
    });
    socket.on('error', (error) => {
      this.#error = error;
    });
  }

  /** Connects to 127.0.0.1 and verifies the server as `localhost`. */
  static async connect(options: RawTlsOptions): Promise<RawTls> {
    const { port, root, version, certificate, key, session } = options;
    const socket = connect({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      ca: root,
      minVersion: version,
      maxVersion: version,
      ...(certificate ? { cert: certificate, key } : {}),
      ...(session ? { session } : {}),
    });
    socket.setNoDelay();
    await once(socket, 'secureConnect', { signal: AbortSignal.timeout(10_000) });
    return new RawTls(socket);
  }

  /** Writes each part as a TLS record of its own. */
  send(...parts: (string | Buffer)[]): void {
    for (const part of parts) this.socket.write(part);
  }

  /** Everything until the server ends the connection, with a close_notify, as a client reads that reads to EOF. */
  async readToEnd(): Promise<Buffer> {
    await eventually(() => this.#ended || this.#error, { what: 'the end of the connection' });
    if (this.#error) throw this.#error;
    return Buffer.concat(this.records);
  }

  /** One whole answer on a connection that stays open; what belongs to it is taken out of `records`. */
  async readAnswer(): Promise<{ answer: RawAnswer; records: Buffer[] }> {
    const answer = await eventually(
      () => {
        if (this.#error) throw this.#error;
        return completeAnswer(Buffer.concat(this.records));
      },
      { what: 'a whole answer' },
    );
    return { answer, records: this.records.splice(0) };
  }

  close(): void {
    this.socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** An answer as it came: names in their own letter case, in their order. */
export interface RawAnswer {
  readonly statusLine: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

/** Splits an answer. @throws Error when there is no whole head */
export function parseAnswer(octets: Buffer): RawAnswer {
  const end = octets.indexOf('\r\n\r\n');
  if (end < 0) throw new Error(`There is no whole head in: ${octets.toString('latin1')}`);
  const [statusLine = '', ...lines] = octets.toString('latin1', 0, end).split('\r\n');
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    if (colon < 1) throw new Error(`This is not a header: ${line}`);
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  return { statusLine, headers, body: octets.subarray(end + 4) };
}

/** The value of a header whose name stands there exactly so; undefined when it does not. */
export function exactHeader({ headers }: RawAnswer, name: string): string | undefined {
  return headers.find(([other]) => other === name)?.[1];
}

/** The answer, once as much of a body is there as Content-Length announces; a 204 has none. */
function completeAnswer(octets: Buffer): RawAnswer | undefined {
  if (!octets.includes('\r\n\r\n')) return undefined;
  const answer = parseAnswer(octets);
  const length = exactHeader(answer, 'Content-Length');
  if (length === undefined && !answer.statusLine.startsWith('HTTP/1.1 204 '))
    throw new Error(`The answer has no Content-Length: ${octets.toString('latin1')}`);
  return answer.body.length >= Number(length ?? 0) ? answer : undefined;
}

/** Base64 in lines of this many characters, each with this ending. */
export function wrappedBase64(der: Uint8Array, columns: number, lineEnd: '\n' | '\r\n'): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .match(new RegExp(`.{1,${columns}}`, 'g'));
  return `${(lines ?? []).join(lineEnd)}${lineEnd}`;
}

/** The value of an Authorization header (RFC 7617). */
export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
