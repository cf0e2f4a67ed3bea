/**
 * A Mosquitto of its own for a test: Debian's, with mutual TLS alone, on a port that the system picks.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { eventually } from './eventually.ts';

// Debian has it where only root looks for programs.
const program = '/usr/sbin/mosquitto';

export interface MosquittoFiles {
  /** Holds the configuration, and what is written below. */
  readonly directory: string;
  /** PEM files: certificate with chain and key; the CA's certificates, root included. */
  readonly certificate: string;
  readonly authorities: string;
}

export class Mosquitto implements AsyncDisposable {
  readonly #files: MosquittoFiles;
  #process: ChildProcess | undefined;
  #port = 0;
  #log = '';

  private constructor(files: MosquittoFiles) {
    this.#files = files;
  }

  /** @param crl PEM. @param acl an ACL file, whose user names are subjects of certificates */
  static async start(files: MosquittoFiles, crl: string, acl: string): Promise<Mosquitto> {
    const broker = new Mosquitto(files);
    broker.write(crl, acl);
    await broker.#start();
    return broker;
  }

  get endpoint(): string {
    return `mqtts://localhost:${this.#port}`;
  }

  /** What it has written so far. */
  get log(): string {
    return this.#log;
  }

  write(crl: string, acl: string): void {
    writeFileSync(this.#at('revoked.pem'), crl);
    writeFileSync(this.#at('acl'), acl, { mode: 0o600 });
  }

  /** Takes another CRL and other users into account, as SIGHUP makes it. Who is connected stays so. */
  async reload(): Promise<void> {
    const before = this.#log.length;
    this.#process?.kill('SIGHUP');
    await eventually(() => this.#log.slice(before).includes('Reloading config'));
  }

  /** It cannot be told to take any port, so one that is free is tried until nobody else was faster. */
  async #start(tries = 5): Promise<void> {
    this.#port = await freePort();
    const { certificate, authorities } = this.#files;
    const configuration = [
      // Files of the devices are for their owner alone, who may be root here.
      'user root',
      'log_dest stderr',
      'log_type all',
      `listener ${this.#port} 127.0.0.1`,
      `cafile ${authorities}`,
      `certfile ${certificate}`,
      `keyfile ${certificate}`,
      `crlfile ${this.#at('revoked.pem')}`,
      'require_certificate true',
      'use_subject_as_username true',
      `acl_file ${this.#at('acl')}`,
    ];
    writeFileSync(this.#at('mosquitto.conf'), `${configuration.join('\n')}\n`);
    const child = spawn(program, ['-c', this.#at('mosquitto.conf')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#process = child;
    const before = this.#log.length;
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
    });
    const said = () => this.#log.slice(before);
    const ended = () => child.exitCode !== null || child.signalCode !== null;
    try {
      await eventually(() => ended() || /mosquitto version .* running/.test(said()));
    } catch (error) {
      child.kill();
      throw error;
    }
    if (!ended()) return;
    if (tries === 0 || !said().includes('in use')) throw new Error(`mosquitto ended: ${said()}`);
    await this.#start(tries - 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#process;
    child?.kill('SIGTERM');
    await eventually(() => !child || child.exitCode !== null || child.signalCode !== null);
  }

  #at(file: string): string {
    return join(this.#files.directory, file);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
