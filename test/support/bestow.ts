/**
 * A real server for tests: its own data directory, SoftHSM token, database and port, run by the command line.
 */

import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import { createOneTimePassword } from '../../cli/commands/otp.ts';
import { withStores } from '../../cli/data.ts';
import { eventually } from './eventually.ts';

const run = promisify(execFile);
const program = new URL('../../bin/bestow', import.meta.url).pathname;

export interface CliResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface BestowOptions {
  /** Further arguments of `bestow init`. */
  readonly init?: readonly string[];
  /** Further arguments of `bestow serve`. */
  readonly serve?: readonly string[];
  /** Environment of the server process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Changes the configuration between init and start. */
  readonly configure?: (config: Record<string, Record<string, unknown>>) => void;
}

/** Runs the command line; a non-zero exit is a result, not an error. */
export async function bestow(...args: string[]): Promise<CliResult> {
  try {
    // `serve` takes its time with SIGTERM, and one that hangs would not heed it at all.
    const limits = { maxBuffer: 1 << 24, timeout: 25_000, killSignal: 'SIGKILL' } as const;
    const { stdout, stderr } = await run(program, args, limits);
    return { exitCode: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    if (typeof code !== 'number') throw error;
    return { exitCode: code, stdout, stderr };
  }
}

/** A data directory with a CA and, while it is started, a server on it. */
export class BestowServer {
  data: string;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #arguments: readonly string[];
  #process: ReturnType<typeof spawn> | undefined;
  #output = '';

  private constructor(data: string, { environment = {}, serve = [] }: BestowOptions) {
    this.data = data;
    this.#environment = environment;
    this.#arguments = serve;
  }

  /** Makes a data directory whose tenant `default` has one endpoint. */
  static async init(options: BestowOptions = {}): Promise<BestowServer> {
    const data = mkdtempSync(join(tmpdir(), 'bestow-test-'));
    const server = new BestowServer(data, options);
    const endpoint = ['--endpoint', 'mqtts://broker.example:8883'];
    const { exitCode, stderr } = await bestow(
      'init',
      '--data',
      data,
      ...endpoint,
      ...(options.init ?? []),
    );
    if (exitCode !== 0) throw new Error(`bestow init: ${stderr}`);
    const file = join(data, 'bestow.yaml');
    const config = parse(readFileSync(file, 'utf8'));
    // One worker starts sooner; tests that need several say so.
    config.est = { ...config.est, listen: '127.0.0.1:0', workers: 1 };
    options.configure?.(config);
    writeFileSync(file, stringify(config));
    return server;
  }

  /** Makes a data directory and starts the server on it. */
  static async start(options: BestowOptions = {}): Promise<BestowServer> {
    const server = await BestowServer.init(options);
    await server.start();
    return server;
  }

  /** Starts the server; rejects with its output when it ends before it is ready. */
  async start(environment: Readonly<Record<string, string>> = {}): Promise<void> {
    const child = spawn(program, ['serve', '--data', this.data, ...this.#arguments], {
      env: { ...process.env, ...this.#environment, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    const started = this.#output.length;
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    const ended = () => child.exitCode !== null || child.signalCode !== null;
    const output = () => this.#output.slice(started);
    await eventually(() => ended() || output().includes('EST is served'), { timeout: 30_000 });
    if (ended()) throw new Error(`bestow serve ended: ${output()}`);
  }

  /** Origin, such as `https://localhost:40000`. */
  get origin(): string {
    return readFileSync(join(this.data, 'run', 'est.url'), 'utf8').trim();
  }

  /** `https://localhost:PORT/.well-known/est`. */
  get est(): string {
    return `${this.origin}/.well-known/est`;
  }

  get port(): number {
    return Number(new URL(this.origin).port);
  }

  get rootFile(): string {
    return join(this.data, 'ca', 'root.pem');
  }

  get root(): string {
    return readFileSync(this.rootFile, 'utf8');
  }

  get pid(): number {
    if (!this.#process?.pid) throw new Error('The server is not running.');
    return this.#process.pid;
  }

  /** Everything the server has written so far. */
  get log(): string {
    return this.#output;
  }

  /** The log's JSON lines that have all of these fields. */
  logLines(match: Readonly<Record<string, unknown>>): Record<string, unknown>[] {
    return this.#output
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line))
      .filter((line) => Object.entries(match).every(([key, value]) => line[key] === value));
  }

  /** Runs a command on this data directory. */
  cli(...args: string[]): Promise<CliResult> {
    return bestow(...args, '--data', this.data);
  }

  /** Runs a command with --json that must succeed. */
  async json<T>(...args: string[]): Promise<T> {
    const { exitCode, stdout, stderr } = await this.cli(...args, '--json');
    if (exitCode !== 0) throw new Error(`bestow ${args.join(' ')}: ${stderr}`);
    return JSON.parse(stdout);
  }

  /** A fresh one-time password for a device, which is registered if it is new. */
  async password(device: string, ...args: string[]): Promise<string> {
    const { password } = await this.json<{ password: string }>(
      'otp',
      'create',
      '--device',
      device,
      ...args,
    );
    return password;
  }

  /**
   * Fresh one-time passwords for many devices, made in this process by the command's own code: to start a command for
   * each takes half a second of a processor.
   */
  passwords<Device extends string>(devices: readonly Device[]): Promise<Record<Device, string>> {
    return withStores({ data: this.data }, async (stores, config) => {
      const made = await Promise.all(
        devices.map(async (device) => {
          const order = { device, tenant: 'default', ttl: '1h' };
          return [device, (await createOneTimePassword(stores, config, order)).password];
        }),
      );
      return Object.fromEntries(made);
    });
  }

  /** Ends the server with a signal; resolves with its exit code, or the signal that ended it. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals | null> {
    const child = this.#process;
    if (!child) return null;
    const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null)
        resolve(child.exitCode ?? child.signalCode);
      child.once('close', (code, by) => resolve(code ?? by));
    });
    child.kill(signal);
    this.#process = undefined;
    return ended;
  }

  /** Resolves when the server process has ended by itself. */
  async ended(): Promise<number | NodeJS.Signals | null> {
    const child = this.#process;
    if (!child) return null;
    await eventually(() => child.exitCode !== null || child.signalCode !== null, {
      timeout: 30_000,
    });
    this.#process = undefined;
    return child.exitCode ?? child.signalCode;
  }

  /** Stops the server and removes the data directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.data, { recursive: true, force: true });
  }
}
