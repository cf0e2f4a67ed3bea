/**
 * HTTP as it stands, each request by a connection of its own: what is sent need not be HTTP.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Milliseconds: whoever waits longer will not be answered. */
const patience = 30_000;

export class EstConnections {
  readonly #port: number;
  readonly #onConnect: (localPort: number | undefined) => void;
  readonly #all = new Set<Socket>();

  /** @param onConnect hears the port of each new connection before anything is sent by it */
  constructor(port: number, onConnect: (localPort: number | undefined) => void = () => {}) {
    this.#port = port;
    this.#onConnect = onConnect;
  }

  /**
   * Sends one well-framed request.
   * @throws Error when there is no answer, or one that is not HTTP
   */
  async exchange(head: string, body: Buffer, method: string, waits = patience): Promise<Answer> {
    const socket = await this.#connection();
    socket.write(Buffer.concat([Buffer.from(head, 'latin1'), body]));
    try {
      return await readAnswer(socket, method, waits);
    } catch (cause) {
      throw new Error(`There is no answer to ${head.slice(0, 1000)}`, { cause });
    } finally {
      socket.destroy();
    }
  }

  /** Sends octets, and nothing after them. @returns what comes back until the connection ends */
  async sendOctets(octets: Buffer): Promise<string> {
    const socket = await this.#connection();
    let text = '';
    socket.on('data', (data) => {
      text += data.toString('latin1');
    });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.end(octets);
    await within(closed, () => `the connection stays open; so far: ${text}`);
    return text;
  }

  async #connection(): Promise<Socket> {
    const socket = connect(this.#port, '127.0.0.1');
    socket.setNoDelay();
    // What is wrong shows by what is read.
    socket.on('error', () => {});
    this.#all.add(socket);
    socket.once('close', () => this.#all.delete(socket));
    await once(socket, 'connect');
    this.#onConnect(socket.localPort);
    return socket;
  }

  close(): void {
    for (const socket of this.#all) socket.destroy();
  }
}

async function within<T>(promise: Promise<T>, what: () => string, waits = patience): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`After ${waits} ms: ${what()}`)), waits);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function readAnswer(socket: Socket, method: string, waits: number): Promise<Answer> {
  let octets = Buffer.alloc(0);
  const reading = new Promise<Answer>((resolve, reject) => {
    socket.on('data', (data: Buffer) => {
      octets = Buffer.concat([octets, data]);
      const answer = parse(octets, method);
      if (answer) resolve(answer);
    });
    socket.on('close', () =>
      reject(new Error(`The connection ended after: ${octets.toString('latin1')}`)),
    );
  });
  return within(reading, () => `no whole answer in ${octets.toString('latin1')}`, waits);
}

/** The answer, once it is there as a whole; answers of 100 are none. @throws Error when it is not HTTP */
function parse(octets: Buffer, method: string): Answer | undefined {
  const end = octets.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [statusLine = '', ...lines] = octets.toString('latin1', 0, end).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
  if (status === 100) return parse(octets.subarray(end + 4), method);
  const headers = new Map(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const body = octets.subarray(end + 4);
  const hasNone = method === 'HEAD' || status === 204 || status === 304;
  const length = hasNone ? 0 : Number(headers.get('content-length') ?? Number.NaN);
  if (body.length < length) return undefined;
  return { status, headers, body: body.toString('latin1') };
}
