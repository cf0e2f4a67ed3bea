/**
 * The clients of examples/ as processes of their own, as they run on a device.
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const examples = new URL('../../examples', import.meta.url).pathname;
const enrolling = new Set(['pair', 'trust', 'code', 'enroll', 'renew']);

export const exampleKinds = ['shell', 'node'] as const;
export type ExampleKind = (typeof exampleKinds)[number];

/** How a command of each client is started; the shell's by the strictest shell there is. */
function commandOf(kind: ExampleKind, command: string): [string, string] {
  if (kind === 'node') return [process.execPath, join(examples, 'node', 'est-device.mjs')];
  const script = enrolling.has(command) ? 'est-device.sh' : 'endpoint.sh';
  return ['dash', join(examples, 'shell', script)];
}

export interface ExampleResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  /** What it has said so far, on either stream. */
  readonly said: () => string;
  readonly ended: Promise<ExampleResult>;
}

/** A device: a directory of its own, and one of the clients. */
export class ExampleDevice implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'bestow-device-'));
  readonly kind: ExampleKind;
  /** Before the others in PATH. */
  path = '';

  constructor(kind: ExampleKind) {
    this.kind = kind;
  }

  start(args: readonly string[], input = ''): Running {
    const [command = ''] = args;
    const [program, script] = commandOf(this.kind, command);
    const environment = { ...process.env, PATH: `${this.path}${process.env.PATH}` };
    const child = spawn(program, [script, '-d', this.directory, ...args], {
      env: environment,
      timeout: 60_000,
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    // A client that refuses to start does not read what it is given.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const ended = new Promise<ExampleResult>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
    });
    return { said: () => stdout + stderr, ended };
  }

  run(args: readonly string[], input = ''): Promise<ExampleResult> {
    return this.start(args, input).ended;
  }

  /** Runs a command that must succeed. @returns its standard output */
  async must(args: readonly string[], input = ''): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(args, input);
    if (exitCode !== 0)
      throw new Error(`${this.kind} ${args.join(' ')} ended with ${exitCode}: ${stderr}`);
    return stdout;
  }

  at(file: string): string {
    return join(this.directory, file);
  }

  read(file: string): string {
    return readFileSync(this.at(file), 'utf8');
  }

  /** The names of its files, and their permissions for others than their owner. */
  get files(): { readonly names: string[]; readonly forOthers: number } {
    const names = readdirSync(this.directory).sort();
    const forOthers = [this.directory, ...names.map((name) => this.at(name))]
      .map((file) => statSync(file).mode & 0o077)
      .reduce((all, each) => all | each, 0);
    return { names, forOthers };
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
