/**
 * Bouncy Castle's CMS classes for tests: test/clients/CmsMessages.java, compiled, with a directory for its files.
 */

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const source = new URL('../clients/CmsMessages.java', import.meta.url).pathname;
// Where Debian's libbcpkix-java puts them.
const jars = ['bcpkix', 'bcprov', 'bcutil'].map((name) => `/usr/share/java/${name}.jar`);

export class BouncyCastleCms {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Compiles the program, which takes a few seconds. */
  static async compile(): Promise<BouncyCastleCms> {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-bouncy-castle-cms-'));
    try {
      await run('javac', ['-d', directory, '-cp', jars.join(':'), source], { timeout: 60_000 });
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
    return new BouncyCastleCms(directory);
  }

  /** Path of one of its files. */
  file(name: string): string {
    return join(this.#directory, name);
  }

  write(name: string, content: string | Uint8Array): string {
    writeFileSync(this.file(name), content);
    return this.file(name);
  }

  read(name: string): Buffer {
    return readFileSync(this.file(name));
  }

  /** Runs operations of the Java program, whose head lists them; returns a line for each. */
  async run(...operations: readonly (readonly string[])[]): Promise<string[]> {
    const classPath = [this.#directory, ...jars].join(':');
    const { stdout } = await run('java', ['-cp', classPath, 'CmsMessages', ...operations.flat()], {
      timeout: 60_000,
    });
    return stdout.trim().split('\n');
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
