import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { seal, sealedFiles, UnsealError, unseal } from './sealed-file.ts';

const passphrase = 'correct horse battery staple';
const header = 48;
const piece = 65_536;
const tag = 16;

async function all(parts: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const held: Uint8Array[] = [];
  for await (const part of parts) held.push(part);
  return Buffer.concat(held);
}

/** In parts of any size, as a file is read. */
function* cut(octets: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < octets.length; at += size) yield octets.subarray(at, at + size);
}

const content = randomBytes(2 * piece + 5);
const sealed = await all(seal([content], passphrase));

describe('a sealed file', () => {
  for (const length of [0, piece, 3 * piece + 1])
    test(`comes back as it was: ${length} octets`, async () => {
      const octets = randomBytes(length);
      const closed = await all(seal(cut(octets, 10_000), passphrase));
      assert.deepEqual(await all(unseal(cut(closed, 1000), passphrase)), octets);
    });

  test('is another one each time', async () => {
    assert.notDeepEqual(await all(seal([content], passphrase)), sealed);
  });

  test('of one use is not opened as one of another', async () => {
    const text = await all(seal([content], passphrase, sealedFiles.text));
    await assert.rejects(all(unseal([text], passphrase)), /This is no backup/);
    await assert.rejects(all(unseal([sealed], passphrase, sealedFiles.text)), /no sealed file/);
    // Nor when somebody writes the other name over it.
    const renamed = Buffer.concat([sealed.subarray(0, 16), text.subarray(16)]);
    await assert.rejects(all(unseal([renamed], passphrase)), UnsealError);
    assert.deepEqual(await all(unseal([text], passphrase, sealedFiles.text)), content);
  });

  test('needs the passphrase', async () => {
    await assert.rejects(
      all(unseal([sealed], `${passphrase}.`)),
      (error) => error instanceof UnsealError && error.passphrase,
    );
  });

  const end = header + piece + tag;
  const pieces = [sealed.subarray(header, end), sealed.subarray(end, end + piece + tag)];
  const [first = sealed, second = sealed] = pieces;
  const start = sealed.subarray(0, header);
  const rest = sealed.subarray(end + piece + tag);
  const flipped = (at: number) => {
    const copy = Buffer.from(sealed);
    copy[at] = (copy[at] ?? 0) ^ 1;
    return copy;
  };
  const tampered: Record<string, Buffer> = {
    'a bit of the salt': flipped(20),
    'a bit of the first piece': flipped(header),
    'a bit of the last tag': flipped(sealed.length - 1),
    'cut off amid a piece': sealed.subarray(0, sealed.length - 1),
    'cut off between two pieces': sealed.subarray(0, end),
    'cut off after the header': start,
    'pieces in another order': Buffer.concat([start, second, first, rest]),
    'a piece left out': Buffer.concat([start, first, rest]),
    'a piece twice': Buffer.concat([start, first, first, second, rest]),
    'octets after the end': Buffer.concat([sealed, Buffer.of(0)]),
    'another kind of file': Buffer.concat([Buffer.from('bestow-backup 2\n'), sealed.subarray(16)]),
    nothing: Buffer.alloc(0),
  };
  for (const [what, octets] of Object.entries(tampered))
    test(`is refused: ${what}`, async () => {
      await assert.rejects(all(unseal(cut(octets, 7777), passphrase)), UnsealError);
    });
});
