import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { readArchive, type SourceFile, writeArchive } from './archive.ts';
import { type Manifest, readManifest } from './manifest.ts';
import { UnsealError } from './sealed-file.ts';

const scratch = mkdtempSync(join(tmpdir(), 'bestow-archive-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const passphrase = 'correct horse battery staple';
const about: Omit<Manifest, 'files'> = {
  format: 1,
  takenAt: '2030-01-31T12:00:00.000Z',
  final: false,
  schema: '0001-registry-and-ledger',
  rootFingerprints: [],
  database: 'bestow.db',
  keys: [],
  missing: [],
};

function source(path: string, text: string): SourceFile {
  const content = Buffer.from(text);
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { path, size: content.length, sha256, mode: 0o600, content };
}

const files = [source('secrets/pin', '1234'), source('empty', ''), source('bestow.db', 'pages')];

async function readBack(path: string): Promise<Record<string, string>> {
  const read: Record<string, string> = {};
  await readArchive(path, passphrase, async () => async (file) => {
    read[file.path] = '';
    return {
      writeFile: async (octets) => {
        read[file.path] += Buffer.from(octets).toString();
      },
      sync: async () => undefined,
      close: async () => undefined,
    };
  });
  return read;
}

describe('an archive', () => {
  test('gives back its files, and is not replaced', async () => {
    const path = join(scratch, 'whole');
    await writeArchive(path, { manifest: about, files }, passphrase);
    assert.deepEqual(await readBack(path), {
      'secrets/pin': '1234',
      empty: '',
      'bestow.db': 'pages',
    });
    await assert.rejects(
      writeArchive(path, { manifest: about, files }, passphrase),
      /there already/,
    );
  });

  test('is refused where a file is not what its digest says, or there are too few octets or too many', async () => {
    const [pin, empty, database] = files as [SourceFile, SourceFile, SourceFile];
    const wrong: Record<string, SourceFile[]> = {
      digest: [pin, empty, { ...database, content: Buffer.from('pagan') }],
      'too early': [pin, empty, { ...database, size: 6 }],
      more: [pin, empty, { ...database, content: Buffer.from('pages and pages') }],
    };
    for (const [name, contents] of Object.entries(wrong)) {
      const path = join(scratch, name);
      await writeArchive(path, { manifest: about, files: contents }, passphrase);
      await assert.rejects(readBack(path), UnsealError, name);
    }
  });
});

describe('a manifest', () => {
  const json = (change: object) =>
    JSON.stringify({ ...about, files: files.map(({ content: _, ...file }) => file), ...change });

  test('is read as it was written', () => {
    assert.equal(readManifest(json({})).files.length, files.length);
  });

  const { content: _, ...database } = files[2] as SourceFile;
  const refused: Record<string, string> = {
    'another format': json({ format: 2 }),
    'no database': json({ files: [] }),
    'a key that is unknown': json({ more: true }),
    'no JSON': '{',
  };
  for (const path of ['../up', 'a/../../up', '/etc/passwd', 'a//b', 'a\\b', 'a\0', '', '.'])
    refused[`a file at "${path}"`] = json({ files: [database, { ...database, path }] });
  for (const [what, text] of Object.entries(refused))
    test(`is refused: ${what}`, () => {
      assert.throws(() => readManifest(text), UnsealError);
    });
});

test('a directory that is in the way of the new file is said', async () => {
  writeFileSync(join(scratch, 'file'), '');
  const path = join(scratch, 'file', 'backup');
  await assert.rejects(writeArchive(path, { manifest: about, files }, passphrase), /ENOTDIR/);
});
