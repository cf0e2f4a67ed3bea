/**
 * A file that only who knows a passphrase can read, and that nobody else can have changed: scrypt (RFC 7914) and
 * AES-256-GCM over pieces, each of which knows its place and whether it is the last.
 *
 *     file  = magic (16 octets, see sealedFiles) salt (32 octets) piece...
 *     piece = AES-256-GCM of 65536 octets, the last one of up to as many; ciphertext, then tag (16 octets)
 *     nonce = number of the piece (11 octets, big-endian, from 0), then 1 for the last piece and 0 for others
 *     additional data = magic and salt;   key = scrypt(passphrase, salt, N = 2^17, r = 8, p = 1)
 */

import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';

/** What files begin with, by what they hold: the one is not taken for the other. */
export const sealedFiles = { backup: 'bestow-backup 1\n', text: 'bestow-sealed 1\n' } as const;
export type SealedFile = (typeof sealedFiles)[keyof typeof sealedFiles];

const magicLength = 16;
const saltLength = 32;
const tagLength = 16;
const pieceLength = 65_536;
const cipher = 'aes-256-gcm';
/** 128 MiB and a third of a second for each guess. */
const cost = { N: 2 ** 17, r: 8, p: 1, maxmem: 2 ** 28 };

/** The file is no sealed file, cannot be opened with this passphrase, or is not as it was written. */
export class UnsealError extends Error {
  override readonly name = 'UnsealError';
  /** As far as can be told: a wrong passphrase looks like a file damaged at its beginning. */
  readonly passphrase: boolean;

  constructor(message: string, { passphrase = false } = {}) {
    super(message);
    this.passphrase = passphrase;
  }
}

type Octets = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

export async function* seal(
  content: Octets,
  passphrase: string,
  magic: SealedFile = sealedFiles.backup,
): AsyncGenerator<Buffer> {
  const header = Buffer.concat([Buffer.from(magic, 'latin1'), randomBytes(saltLength)]);
  yield header;
  const key = await keyOf(passphrase, header);
  let number = 0;
  for await (const { piece, last } of pieces(content, pieceLength)) {
    const sealing = createCipheriv(cipher, key, nonceOf(number++, last)).setAAD(header);
    yield Buffer.concat([sealing.update(piece), sealing.final(), sealing.getAuthTag()]);
  }
}

/** What it yields is as it was sealed; that nothing is missing at the end is known when it has ended. @throws UnsealError */
export async function* unseal(
  sealed: Octets,
  passphrase: string,
  magic: SealedFile = sealedFiles.backup,
): AsyncGenerator<Buffer> {
  const { header, rest } = await splitHeader(sealed, magic);
  const key = await keyOf(passphrase, header);
  let number = 0;
  for await (const { piece, last } of pieces(rest, pieceLength + tagLength))
    yield openPiece(piece, { key, header, number: number++, last });
}

function openPiece(
  piece: Buffer,
  place: { key: Buffer; header: Buffer; number: number; last: boolean },
): Buffer {
  const { key, header, number, last } = place;
  const end = piece.length - tagLength;
  if (end < 0) throw new UnsealError('The file ends too early.');
  const opening = createDecipheriv(cipher, key, nonceOf(number, last)).setAAD(header);
  opening.setAuthTag(piece.subarray(end));
  const content = opening.update(piece.subarray(0, end));
  try {
    return Buffer.concat([content, opening.final()]);
  } catch {
    throw number === 0
      ? new UnsealError('The passphrase is wrong, or the file was changed.', { passphrase: true })
      : new UnsealError(
          `The file was changed or cut off, at octet ${number * pieceLength} or after.`,
        );
  }
}

async function keyOf(passphrase: string, header: Buffer): Promise<Buffer> {
  const derive = promisify<string, Buffer, number, typeof cost, Buffer>(scrypt);
  return derive(passphrase, header.subarray(magicLength), 32, cost);
}

function nonceOf(number: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(number, 5, 6);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

/** The same octets in pieces of one length, and of what is left in the last; there is always a last one. */
async function* pieces(
  content: Octets,
  length: number,
): AsyncGenerator<{ piece: Buffer; last: boolean }> {
  let held: Buffer[] = [];
  let size = 0;
  for await (const part of content) {
    held.push(Buffer.from(part.buffer, part.byteOffset, part.byteLength));
    size += part.length;
    if (size <= length) continue;
    const all = Buffer.concat(held);
    let at = 0;
    // One is kept back, since only the end tells which is the last.
    for (; all.length - at > length; at += length)
      yield { piece: all.subarray(at, at + length), last: false };
    held = [all.subarray(at)];
    size = all.length - at;
  }
  yield { piece: Buffer.concat(held), last: true };
}

async function splitHeader(
  sealed: Octets,
  magic: SealedFile,
): Promise<{ header: Buffer; rest: Octets }> {
  const parts =
    Symbol.asyncIterator in sealed ? sealed[Symbol.asyncIterator]() : sealed[Symbol.iterator]();
  let start = Buffer.alloc(0);
  while (start.length < magicLength + saltLength) {
    const { value, done } = await parts.next();
    if (done) break;
    start = Buffer.concat([start, value]);
  }
  const begins = start.subarray(0, magicLength).toString('latin1');
  if (start.length < magicLength + saltLength || begins !== magic)
    throw new UnsealError(
      magic === sealedFiles.backup
        ? 'This is no backup of Bestow, or one of a version that is not known here.'
        : 'This is no sealed file of Bestow, or one of a version that is not known here.',
    );
  const header = start.subarray(0, magicLength + saltLength);
  return { header, rest: following(start.subarray(header.length), parts) };
}

async function* following(
  first: Uint8Array,
  parts: AsyncIterator<Uint8Array> | Iterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first;
  for (let next = await parts.next(); !next.done; next = await parts.next()) yield next.value;
}
