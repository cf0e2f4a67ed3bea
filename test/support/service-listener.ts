/** What another implementation of multicast DNS hears: python-zeroconf of Debian, in a process of its own. */

import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { eventually } from './eventually.ts';

const run = promisify(execFile);
const script = (name: string) => new URL(`../clients/${name}`, import.meta.url).pathname;
/** Debian's: packages of Debian are nowhere else. */
const python = '/usr/bin/python3';

export interface Heard {
  readonly change: 'ready' | 'added' | 'updated' | 'removed';
  readonly name: string;
  readonly port: number;
  readonly server: string;
  readonly addresses: readonly string[];
  readonly txt: Readonly<Record<string, string>>;
}

export class ServiceListener {
  readonly heard: Heard[] = [];
  readonly #process: ChildProcessWithoutNullStreams;

  static async start(type: string): Promise<ServiceListener> {
    const listener = new ServiceListener(type);
    await eventually(() => listener.heard.some(({ change }) => change === 'ready'));
    return listener;
  }

  private constructor(type: string) {
    this.#process = spawn(python, [script('browse_services.py'), '127.0.0.1', type]);
    let output = '';
    this.#process.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const lines = output.split('\n');
      output = lines.pop() ?? '';
      for (const line of lines) this.heard.push(JSON.parse(line));
    });
    this.#process.stderr.pipe(process.stderr);
  }

  /** The last that was heard of this name, once it is that. */
  last(change: Heard['change'], name: string): Promise<Heard> {
    return eventually(
      () => {
        const last = this.heard.findLast((each) => each.name === name);
        return last?.change === change && last;
      },
      { what: `that ${name} is ${change}` },
    );
  }

  close(): void {
    this.#process.stdin.end();
  }
}

export interface ResolverAnswer {
  readonly id: number;
  readonly questions: readonly string[];
  /** Kind, name, TTL, whether caches are to be flushed. */
  readonly records: readonly (readonly [string, string, number, boolean])[];
}

/** @param seconds to wait for the answer */
export async function askLikeResolver(name: string, seconds = 5): Promise<ResolverAnswer> {
  const { stdout } = await run(python, [
    script('ask_like_a_resolver.py'),
    '127.0.0.1',
    name,
    `${seconds}`,
  ]);
  return JSON.parse(stdout);
}
