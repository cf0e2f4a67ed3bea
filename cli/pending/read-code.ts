/** The code that a device shows, as an operator types it: never an argument, which every user of the machine can see. */

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { usage } from '../exit.ts';

export interface CodeOptions {
  readonly code?: string;
  readonly codeFile?: string;
}

const mostOctets = 256;

/**
 * @returns undefined where none is given
 * @throws CommandError
 */
export async function readCode({ code, codeFile }: CodeOptions): Promise<string | undefined> {
  if (code !== undefined && codeFile !== undefined)
    throw usage('The code comes from standard input or from a file: name one of them.');
  if (code !== undefined && code !== '-')
    throw usage(
      'A code among the arguments is seen by every user of this machine: write --code - and type it, or name a file with --code-file.',
    );
  if (codeFile !== undefined) return firstLine(readFileSync(codeFile));
  if (code === undefined) return undefined;
  return process.stdin.isTTY ? askForCode() : firstLine(await readInput());
}

/** Where there is a terminal. */
export async function askForCode(): Promise<string | undefined> {
  if (!process.stdin.isTTY) return undefined;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await terminal.question('The code that the device shows: ');
  } finally {
    terminal.close();
  }
}

async function readInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let octets = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk);
    octets += chunk.length;
    if (octets > mostOctets) break;
  }
  return Buffer.concat(chunks);
}

function firstLine(content: Buffer): string {
  if (content.length > mostOctets) throw usage('That is too long for a code.');
  const [line = ''] = content.toString('utf8').split(/\r?\n/);
  if (line.trim() === '') throw usage('There is no code to read.');
  return line.trim();
}
