/**
 * What of a data directory goes into a backup: all of it but what a running server leaves for others, and the database,
 * of which a copy goes instead.
 */

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute, join, relative, sep } from 'node:path';
import type { Config } from '../../server/config.ts';
import { dataPaths } from '../../server/data-directory.ts';
import { CommandError, exitCodes } from '../exit.ts';
import type { SourceFile } from './archive.ts';

/** Backups that stand in the data directory are no part of it. */
export const backupSuffix = '.backup';

const suffixesLeftOut = [backupSuffix, '.partial'];
const mostOctets = 2 ** 28;
const deepest = 8;

/** @throws CommandError beyond 256 MiB, which no data directory has by itself */
export function collectFiles(config: Config): SourceFile[] {
  const { directory } = config;
  const left = new Set([dataPaths(directory).run, ...databaseFiles(config)]);
  const files: SourceFile[] = [];
  let octets = 0;
  const walk = (folder: string, depth: number) => {
    for (const name of readdirSync(folder).sort()) {
      const path = join(folder, name);
      const state = statSync(path);
      if (left.has(path) || suffixesLeftOut.some((suffix) => name.endsWith(suffix))) continue;
      if (state.isDirectory() && depth < deepest) walk(path, depth + 1);
      if (!state.isFile()) continue;
      octets += state.size;
      if (octets > mostOctets) throw tooMuch(directory);
      files.push(sourceFile(directory, path, state.mode));
    }
  };
  walk(directory, 0);
  return files;
}

function databaseFiles({ storage: { sqlite } }: Config): string[] {
  return ['', '-wal', '-shm', '-journal'].map((suffix) => `${sqlite}${suffix}`);
}

function sourceFile(directory: string, path: string, mode: number): SourceFile {
  const content = readFileSync(path);
  return {
    path: relative(directory, path).split(sep).join('/'),
    size: content.length,
    sha256: createHash('sha256').update(content).digest('hex'),
    mode: mode & 0o755,
    content,
  };
}

function tooMuch(directory: string): CommandError {
  return new CommandError(
    exitCodes.failure,
    `${directory} holds more than 256 MiB beside the database: move what is not Bestow's elsewhere.`,
  );
}

/** Whether a path is in the data directory, and so in its backup. */
export function isInside(directory: string, path: string): boolean {
  const way = relative(directory, path);
  return way !== '' && !way.startsWith('..') && !isAbsolute(way);
}
