/**
 * npm run bench: full enrollments (new TLS 1.3 connection, P-256, one-time password, SoftHSM signature, durable commit)
 * beside a bare node:https server, in one run on one machine. What counts is the ratio; absolute numbers are the
 * machine's. Options: --workers N (default: as many as processors), --seconds-like N scales the number of requests.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BestowServer } from '../test/support/bestow.ts';
import type { LoadOrder, LoadResult } from './load.ts';
import { enrollmentText, prepareDevices } from './prepare.ts';
import { cpuSecondsOf } from './processes.ts';
import { measureStages } from './stages.ts';

const { values } = parseArgs({
  options: {
    workers: { type: 'string', default: String(availableParallelism()) },
    requests: { type: 'string', default: '1500' },
  },
});
const workers = Number(values.workers);
const requests = Number(values.requests);
const levels = [1, 16, 64];

interface Target {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  texts(count: number): Promise<string[]> | string[];
}

interface Measurement extends LoadResult {
  readonly perSecond: number;
  /** CPU milliseconds of the server's processes for each request. */
  readonly cpu: number;
}

async function measure(
  target: Target,
  root: string,
  connections: number,
  count: number,
): Promise<Measurement> {
  const order: LoadOrder = {
    port: target.port,
    root,
    connections,
    requests: await target.texts(count),
  };
  const before = cpuSecondsOf(target.pid);
  const child = spawn(process.execPath, [join(import.meta.dirname, 'load.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(JSON.stringify(order));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await once(child, 'close');
  const result: LoadResult = JSON.parse(output);
  if (result.failures.length > 0) throw new Error(`${target.name}: ${result.failures.join('; ')}`);
  const cpu = ((cpuSecondsOf(target.pid) - before) / result.answers) * 1000;
  return { ...result, perSecond: result.answers / result.seconds, cpu };
}

async function startBare(server: BestowServer): Promise<Target & { stop(): void }> {
  const tls = (name: string) => join(server.data, 'tls', name);
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'bare-server.ts'), tls('server.pem'), tls('server-key.pem')],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [text] = await once(child.stdout, 'data');
  const request = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
  return {
    name: 'bare node:https',
    pid: child.pid ?? 0,
    port: Number(String(text)),
    texts: (count) => new Array<string>(count).fill(request),
    stop: () => child.kill(),
  };
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function line(name: string, connections: number, m: Measurement): void {
  say(
    `${String(connections).padStart(4)}  ${name.padEnd(16)} ${m.perSecond.toFixed(0).padStart(6)} /s  ${m.cpu.toFixed(2).padStart(6)} ms CPU  median ${m.median.toFixed(1)} ms  p99 ${m.p99.toFixed(1)} ms`,
  );
}

await using server = await BestowServer.start({
  configure: ({ est }) => Object.assign(est ?? {}, { workers }),
});
const bare = await startBare(server);
const bestow: Target = {
  name: 'Bestow',
  pid: server.pid,
  port: server.port,
  texts: async (count) => (await prepareDevices(server.data, count)).map(enrollmentText),
};
try {
  await measure(bare, server.root, 8, 200);
  await measure(bestow, server.root, 8, 400);
  say(
    `${workers} EST worker(s); ${availableParallelism()} processors, shared with the load generator`,
  );
  for (const connections of levels) {
    const count = connections === 1 ? Math.ceil(requests / 3) : requests;
    // Bare before and after, so that a slow minute of the machine weighs on both.
    const first = await measure(bare, server.root, connections, count);
    const ours = await measure(bestow, server.root, connections, count);
    const second = await measure(bare, server.root, connections, count);
    line('bare node:https', connections, first);
    line('Bestow', connections, ours);
    line('bare node:https', connections, second);
    const rate = (2 * ours.perSecond) / (first.perSecond + second.perSecond);
    const cpu = (2 * ours.cpu) / (first.cpu + second.cpu);
    say(`      ratio: ${(rate * 100).toFixed(0)} % of the rate, ${cpu.toFixed(2)} times the CPU`);
  }
  await measureStages(server.data, say);
} finally {
  bare.stop();
}
