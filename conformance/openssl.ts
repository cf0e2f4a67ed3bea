import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PATIENCE = 15_000;

export interface OpensslResult {
  readonly code: number | null;
  readonly output: string;
  /** Standard output alone, for what is no text. */
  readonly octets: Buffer;
}

/** Runs openssl with files in place of `{name}`; standard output and error come back together. */
export async function openssl(
  words: readonly string[],
  files: Readonly<Record<string, string | Buffer>> = {},
  input = '',
): Promise<OpensslResult> {
  const folder = await mkdtemp(join(tmpdir(), 'est-conformance-'));
  try {
    for (const [name, contents] of Object.entries(files)) {
      await writeFile(join(folder, name), contents, { mode: 0o600 });
    }
    const expanded = words.map((word) => word.replace(/\{(.+)\}/, (_, name) => join(folder, name)));
    return await new Promise((resolve, reject) => {
      const child = spawn('openssl', expanded, { timeout: PATIENCE });
      let output = '';
      const octets: Buffer[] = [];
      child.stdout.on('data', (chunk) => {
        octets.push(chunk);
        output += chunk;
      });
      child.stderr.on('data', (chunk) => {
        output += chunk;
      });
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, output, octets: Buffer.concat(octets) }));
      child.stdin.on('error', () => {});
      child.stdin.end(input);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
