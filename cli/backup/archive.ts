/**
 * A backup: one sealed file that holds a manifest and then the files it names, one after the other.
 *
 *     content = length of the manifest (4 octets, big-endian), manifest (JSON), content of each file in its order
 */

import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { conflict } from '../exit.ts';
import { type BackedUpFile, type Manifest, readManifest } from './manifest.ts';
import { seal, UnsealError, unseal } from './sealed-file.ts';

/** A file that goes into a backup: its octets, or where they stand. */
export interface SourceFile extends BackedUpFile {
  readonly content: Buffer | { readonly file: string };
}

/** Where a file that comes out of a backup goes. */
export type Place = (file: BackedUpFile) => Promise<Sink>;

/** As much of a FileHandle as it takes. */
export interface Sink {
  writeFile(octets: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

const longestManifest = 1 << 24;

/** @returns size and SHA-256 of a file, without holding it in memory */
export async function measure(file: string): Promise<Pick<BackedUpFile, 'size' | 'sha256'>> {
  const digest = createHash('sha256');
  let size = 0;
  for await (const part of createReadStream(file)) {
    digest.update(part);
    size += part.length;
  }
  return { size, sha256: digest.digest('hex') };
}

/** The file is there, whole and on the disk, or is not there. @throws CommandError where there is one already */
export async function writeArchive(
  path: string,
  { manifest, files }: { manifest: Omit<Manifest, 'files'>; files: readonly SourceFile[] },
  passphrase: string,
): Promise<void> {
  if (existsSync(path)) throw conflict(`${path} is there already; it is not replaced.`);
  const unfinished = `${path}.partial`;
  const target = await open(unfinished, 'w', 0o600);
  try {
    const listed = files.map(({ content: _, ...file }) => file);
    for await (const part of seal(contentOf({ ...manifest, files: listed }, files), passphrase))
      await target.writeFile(part);
    await target.sync();
    await target.close();
    await rename(unfinished, path);
  } catch (error) {
    await target.close().catch(() => undefined);
    await rm(unfinished, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

async function* contentOf(
  manifest: Manifest,
  files: readonly SourceFile[],
): AsyncGenerator<Uint8Array> {
  const json = Buffer.from(JSON.stringify(manifest));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  yield Buffer.concat([length, json]);
  for (const { content } of files) {
    if (Buffer.isBuffer(content)) yield content;
    else yield* createReadStream(content.file);
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/**
 * Opens a backup and puts each of its files where `place` says, checked against its digest.
 * @param place is given the manifest before the first file is asked for
 * @throws UnsealError, ManifestError; what was placed by then is to be thrown away
 */
export async function readArchive(
  path: string,
  passphrase: string,
  place: (manifest: Manifest) => Promise<Place>,
): Promise<Manifest> {
  const reader = new Reader(unseal(createReadStream(path), passphrase));
  const length = (await reader.take(4)).readUInt32BE();
  if (length > longestManifest) throw new UnsealError('The manifest is too long.');
  const manifest = readManifest((await reader.take(length)).toString());
  const placeOf = await place(manifest);
  for (const file of manifest.files) await extract(reader, file, placeOf);
  if (!(await reader.isAtEnd())) throw new UnsealError('There is more in the file than it names.');
  return manifest;
}

async function extract(reader: Reader, file: BackedUpFile, placeOf: Place): Promise<void> {
  const target = await placeOf(file);
  try {
    const digest = createHash('sha256');
    for await (const part of reader.next(file.size)) {
      digest.update(part);
      await target.writeFile(part);
    }
    if (digest.digest('hex') !== file.sha256)
      throw new UnsealError(`${file.path} is not what the manifest says (SHA-256).`);
    await target.sync();
  } finally {
    await target.close();
  }
}

/** Octets by number, of a stream that comes in parts of any size. */
class Reader {
  readonly #parts: AsyncGenerator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  constructor(parts: AsyncGenerator<Buffer>) {
    this.#parts = parts;
  }

  async *next(size: number): AsyncGenerator<Buffer> {
    for (let left = size; left > 0; ) {
      if (await this.isAtEnd()) throw new UnsealError('The file ends too early.');
      const part = this.#held.subarray(0, left);
      this.#held = this.#held.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  async take(size: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of this.next(size)) parts.push(part);
    return Buffer.concat(parts);
  }

  async isAtEnd(): Promise<boolean> {
    while (this.#held.length === 0) {
      const { value, done } = await this.#parts.next();
      if (done) return true;
      this.#held = value;
    }
    return false;
  }
}
