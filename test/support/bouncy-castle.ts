/**
 * Bouncy Castle's EST client for tests: test/clients/EstEnrollment.java, compiled, with a directory for its files.
 */

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BestowServer } from './bestow.ts';
import { type KeyKind, makeKey, openssl } from './est-client.ts';

const run = promisify(execFile);
const source = new URL('../clients/EstEnrollment.java', import.meta.url).pathname;
// Where Debian's libbcpkix-java and libbctls-java put them.
const jars = ['bcpkix', 'bcprov', 'bcutil', 'bctls'].map((name) => `/usr/share/java/${name}.jar`);

export interface BouncyCastleTarget {
  readonly server: Pick<BestowServer, 'port' | 'rootFile'>;
  readonly version: 'TLSv1.2' | 'TLSv1.3';
  readonly label?: string;
}

export class BouncyCastle {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Compiles the program, which takes a few seconds. */
  static async compile(): Promise<BouncyCastle> {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-bouncy-castle-'));
    try {
      await run('javac', ['-d', directory, '-cp', jars.join(':'), source], { timeout: 60_000 });
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
    return new BouncyCastle(directory);
  }

  /** Path of one of its files. */
  file(name: string): string {
    return join(this.#directory, name);
  }

  read(name: string): string {
    return readFileSync(this.file(name), 'utf8');
  }

  /** Runs operations of the Java program, whose head lists them; returns a line for each. */
  async run(
    { server, version, label }: BouncyCastleTarget,
    ...operations: string[][]
  ): Promise<string[]> {
    const classPath = [this.#directory, ...jars].join(':');
    const address = `localhost:${server.port}${label === undefined ? '' : `/${label}`}`;
    const { stdout } = await run(
      'java',
      ['-cp', classPath, 'EstEnrollment', address, version, server.rootFile, ...operations.flat()],
      { timeout: 40_000 },
    );
    return stdout.trim().split('\n');
  }

  /** Writes NAME.key and NAME.csr. Returns the key, PEM. */
  makeRequest(name: string, subject: string, kind: KeyKind = 'P-256'): string {
    const { key, request } = makeKey(kind);
    writeFileSync(this.file(`${name}.key`), key);
    writeFileSync(this.file(`${name}.csr`), openssl(['req', '-inform', 'DER'], request(subject)));
    return key;
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
