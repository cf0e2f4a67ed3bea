/**
 * Bouncy Castle's CMC, CRMF and CMS classes for tests: test/clients/CmcMessages.java, whose head lists what it does,
 * compiled and kept running.
 */

import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);
const source = new URL('../clients/CmcMessages.java', import.meta.url).pathname;
// Where Debian's libbcpkix-java puts them.
const jars = ['bcpkix', 'bcprov', 'bcutil'].map((name) => `/usr/share/java/${name}.jar`);

/** What a Full PKI Response says, as Bouncy Castle reads it. */
export interface CmcAnswer {
  readonly transaction?: string;
  /** Hexadecimal, as are the other octet strings. */
  readonly senderNonce?: string;
  readonly recipientNonce?: string;
  readonly data?: string;
  readonly batch?: number[];
  readonly statuses: readonly {
    readonly status: number;
    readonly bodyList: number[];
    readonly text?: string;
    readonly failInfo?: number;
    readonly token?: string;
    readonly time?: string;
  }[];
  /** EncryptedPOP, base64. */
  readonly challenges: readonly string[];
  /** All that came along, base64. */
  readonly certificates: readonly string[];
  /** ContentInfo, base64, by bodyPartID. */
  readonly contents: Readonly<Record<string, string>>;
}

export class CmcMessages {
  readonly #directory: string;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #waiting: { resolve(line: string): void; reject(error: Error): void }[] = [];

  private constructor(directory: string, process: ChildProcessWithoutNullStreams) {
    this.#directory = directory;
    this.#process = process;
    createInterface({ input: process.stdout }).on('line', (line) => {
      const waiting = this.#waiting.shift();
      if (line.startsWith('ok ')) waiting?.resolve(line.slice('ok '.length));
      else waiting?.reject(new Error(`Bouncy Castle: ${line}`));
    });
    process.on('exit', (code) => {
      for (const { reject } of this.#waiting)
        reject(new Error(`Bouncy Castle ended with ${code}.`));
    });
  }

  /** Compiles the program, which takes a few seconds, and starts it. */
  static async start(): Promise<CmcMessages> {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-cmc-'));
    try {
      await run('javac', ['-d', directory, '-cp', jars.join(':'), source], { timeout: 120_000 });
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
    const classPath = [directory, ...jars].join(':');
    const child = spawn('java', ['-cp', classPath, 'CmcMessages']);
    // Its own complaints are for whoever runs the tests.
    child.stderr.pipe(process.stderr);
    return new CmcMessages(directory, child);
  }

  /** Runs one command; rejects with what the program says is wrong. */
  ask(...fields: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#process.stdin.write(`${fields.join('\t')}\n`);
    });
  }

  async key(name: string, kind: string): Promise<void> {
    await this.ask('key', name, kind);
  }

  /** Its private key, PEM. */
  async privateKey(name: string): Promise<string> {
    const lines = (await this.ask('export', name)).match(/.{1,64}/g) ?? [];
    return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
  }

  /** Keeps a certificate, DER, under a name. */
  async certificate(name: string, der: Uint8Array): Promise<void> {
    await this.ask('certificate', name, Buffer.from(der).toString('base64'));
  }

  /** A Full PKI Request. */
  async message(...fields: readonly string[]): Promise<Buffer> {
    return Buffer.from(await this.ask('message', ...fields), 'base64');
  }

  /** Checks and reads a Full PKI Response; `issuer` names a certificate. */
  async answer(der: Uint8Array, issuer = 'issuer'): Promise<CmcAnswer> {
    return JSON.parse(await this.ask('answer', Buffer.from(der).toString('base64'), issuer));
  }

  [Symbol.dispose](): void {
    this.#process.kill();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
