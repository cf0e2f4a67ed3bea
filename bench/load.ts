/**
 * Load generator, a process of its own: sends prepared requests, each on a new TLS 1.3 connection, so many at a time.
 * Reads a JSON order on standard input, prints a JSON result.
 */

import { connect, createSecureContext, type SecureContext } from 'node:tls';

export interface LoadOrder {
  readonly port: number;
  /** PEM. */
  readonly root: string;
  readonly connections: number;
  /** HTTP requests, latin1; each is sent once. */
  readonly requests: readonly string[];
}

export interface LoadResult {
  readonly seconds: number;
  readonly answers: number;
  readonly failures: readonly string[];
  /** Milliseconds. */
  readonly median: number;
  readonly p99: number;
}

/** One request; resolves with the status line once head and body are complete. */
function exchange(
  { port }: LoadOrder,
  secureContext: SecureContext,
  request: string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      port,
      host: '127.0.0.1',
      servername: 'localhost',
      secureContext,
    });
    let answer = '';
    socket.setEncoding('latin1');
    socket.setTimeout(30_000, () => socket.destroy(new Error('no answer within 30 s')));
    socket.on('error', reject);
    socket.on('data', (text: string) => {
      answer += text;
      const head = answer.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(answer)?.[1]);
      if (answer.length < head + 4 + length) return;
      socket.destroy();
      resolve(answer.slice(0, answer.indexOf('\r\n')));
    });
    socket.on('close', () => reject(new Error('the connection ended without an answer')));
    socket.write(request, 'latin1');
  });
}

async function run(order: LoadOrder): Promise<LoadResult> {
  const latencies: number[] = [];
  const failures: string[] = [];
  // One for all: a context of its own for each connection would cost the client more than the server.
  const secureContext = createSecureContext({ ca: order.root, minVersion: 'TLSv1.3' });
  let next = 0;
  const lane = async () => {
    for (
      let request = order.requests[next++];
      request !== undefined;
      request = order.requests[next++]
    ) {
      const began = performance.now();
      const status = await exchange(order, secureContext, request).catch(
        (error: Error) => error.message,
      );
      latencies.push(performance.now() - began);
      if (!status.includes(' 200 ')) failures.push(status);
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: order.connections }, lane));
  const seconds = (performance.now() - began) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0;
  return {
    seconds,
    answers: latencies.length,
    failures: failures.slice(0, 5),
    median: at(0.5),
    p99: at(0.99),
  };
}

let input = '';
for await (const part of process.stdin.setEncoding('utf8')) input += part;
process.stdout.write(JSON.stringify(await run(JSON.parse(input))));
