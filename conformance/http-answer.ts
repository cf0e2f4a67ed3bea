import type { Socket } from 'node:net';

/** What a server said, with the header names as it spelled them as well as in lower case. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  /** Whether "100 Continue" came first. */
  readonly continued: boolean;
}

const PATIENCE = 15_000;

/** Reads answers off a connection one after the other; the octets of the next one are kept. */
export class AnswerReader {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #ended = false;
  #failure: Error | undefined;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    socket.on('end', () => this.#end());
    socket.on('close', () => this.#end());
    socket.on('error', (error) => this.#end(error));
  }

  #end(failure?: Error): void {
    this.#failure ??= failure;
    this.#ended = true;
    this.#wake();
  }

  /** Waits for one whole answer, or throws if the connection ends or stays silent before it is there. */
  async next(method = 'GET'): Promise<HttpAnswer> {
    let continued = false;
    for (;;) {
      const found = parseAnswer(this.#received, this.#ended, method);
      if (found !== undefined) {
        this.#received = this.#received.subarray(found.length);
        if (found.answer.status !== 100) return { ...found.answer, continued };
        continued = true;
      } else if (this.#ended) {
        throw this.#failure ?? new Error('the server closed the connection without an answer');
      } else {
        await this.#more();
      }
    }
  }

  /** Waits for "100 Continue" or a final status line, whichever comes first, and leaves it unread. */
  async firstStatus(): Promise<number> {
    for (;;) {
      const status = /^HTTP\/1\.1 (\d{3})/.exec(this.#received.subarray(0, 16).toString('latin1'));
      if (status) return Number(status[1]);
      if (this.#ended) throw new Error('the server closed the connection without an answer');
      await this.#more();
    }
  }

  #more(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#socket.destroy();
        reject(new Error(`no complete answer within ${PATIENCE / 1000} seconds`));
      }, PATIENCE);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

type Parsed = { answer: HttpAnswer; length: number } | undefined;

function parseAnswer(received: Buffer, ended: boolean, method: string): Parsed {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const lines = received.subarray(0, headEnd).toString('latin1').split('\r\n');
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(lines[0] ?? '')?.[1] ?? 0);
  const rawHeaders: string[] = [];
  const headers: Record<string, string> = {};
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).trim();
    rawHeaders.push(name, value);
    headers[name.toLowerCase()] = value;
  }
  const start = headEnd + 4;
  const finish = (body: Buffer, end: number) => ({
    answer: { status, headers, rawHeaders, body, continued: false },
    length: end,
  });
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) {
    return finish(Buffer.alloc(0), start);
  }
  if (/chunked/i.test(headers['transfer-encoding'] ?? '')) {
    const chunks = readChunks(received, start);
    return chunks && finish(chunks.body, chunks.end);
  }
  const declared = headers['content-length'];
  if (declared === undefined) {
    return ended ? finish(received.subarray(start), received.length) : undefined;
  }
  const end = start + Number(declared);
  return received.length < end ? undefined : finish(received.subarray(start, end), end);
}

function readChunks(received: Buffer, start: number): { body: Buffer; end: number } | undefined {
  const parts: Buffer[] = [];
  for (let offset = start; ; ) {
    const lineEnd = received.indexOf('\r\n', offset);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(received.subarray(offset, lineEnd).toString('latin1'), 16);
    const next = lineEnd + 2 + size + 2;
    if (received.length < next) return undefined;
    if (size === 0) return { body: Buffer.concat(parts), end: next };
    parts.push(received.subarray(lineEnd + 2, lineEnd + 2 + size));
    offset = next;
  }
}
