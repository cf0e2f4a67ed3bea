/**
 * CRLs as files: whole, durable, under the paths of their addresses, and never older than before.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { CrlRecord } from '../ca/crl-store.ts';
import { CrlFiles, writeAtomically } from './crl-files.ts';

const directory = mkdtempSync(join(tmpdir(), 'bestow-crl-files-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const start = new Date('2030-01-01T00:00:00Z');

function crlOf(number: number, changes: Partial<CrlRecord> = {}): CrlRecord {
  const thisUpdate = new Date(start.getTime() + number * 1000);
  const times = { thisUpdate, nextUpdate: new Date(thisUpdate.getTime() + 1000) };
  const der = Buffer.from(`CRL ${number}`);
  return { issuer: '00ff', partition: 0, number, ...times, revocations: 0, der, ...changes };
}

/** As a publisher would say of it. */
function newestIs(crl: CrlRecord) {
  let asked = 0;
  const { issuer, partition, number: newest } = crl;
  return {
    publisher: {
      newest: async () => {
        asked++;
        return crl;
      },
    },
    state: { issuer, partition, newest, revocations: 0 },
    asked: () => asked,
  };
}

describe('a file', () => {
  test('has the path of its address, the time of its CRL, and what stands in it', async () => {
    const home = join(directory, 'paths');
    const files = new CrlFiles(home);
    for (const partition of [0, 7]) {
      const { publisher, state } = newestIs(crlOf(3, { partition }));
      await files.follow(publisher, state);
    }
    for (const path of ['00ff.crl', join('00ff', '7.crl')]) {
      assert.equal(readFileSync(join(home, path), 'utf8'), 'CRL 3');
      assert.deepEqual(statSync(join(home, path)).mtime, crlOf(3).thisUpdate);
      assert.equal(statSync(join(home, path)).mode & 0o777, 0o644);
    }
    assert.deepEqual(readdirSync(home).sort(), ['00ff', '00ff.crl']);
  });

  test('is written once for each CRL, and not when it is later than that', async () => {
    const home = join(directory, 'once');
    const files = new CrlFiles(home);
    const path = join(home, '00ff.crl');
    const five = newestIs(crlOf(5));
    await files.follow(five.publisher, five.state);
    await files.follow(five.publisher, five.state);
    assert.equal(five.asked(), 1);
    // Another worker, which is behind.
    const four = newestIs(crlOf(4));
    await new CrlFiles(home).follow(four.publisher, four.state);
    assert.equal(readFileSync(path, 'utf8'), 'CRL 5');
    utimesSync(path, start, start);
    await new CrlFiles(home).follow(four.publisher, four.state);
    assert.equal(readFileSync(path, 'utf8'), 'CRL 4');
  });

  test('is never seen in part, while it is written over and over', async () => {
    const path = join(directory, 'atomic.crl');
    const contents = ['a', 'b'].map((letter) => Buffer.from(letter.repeat(200_000)));
    await writeAtomically(path, contents[0] ?? Buffer.of(), start);
    let done = false;
    const writing = (async () => {
      for (let i = 0; i < 30; i++)
        await writeAtomically(path, contents[i % 2] ?? Buffer.of(), start);
      done = true;
    })();
    let seen = 0;
    while (!done) {
      const octets = readFileSync(path);
      assert.ok(
        contents.some((content) => content.equals(octets)),
        `${octets.length} octets`,
      );
      seen++;
      await new Promise(setImmediate);
    }
    await writing;
    assert.ok(seen > 1);
    assert.deepEqual(
      readdirSync(directory).filter((name) => name.endsWith('.new')),
      [],
    );
  });

  test('stays as it was when the new one cannot be written', async () => {
    const path = join(directory, 'kept');
    await writeAtomically(join(path, 'inside'), Buffer.from('x'), start);
    await assert.rejects(writeAtomically(path, Buffer.from('y'), start), { code: 'EISDIR' });
    assert.deepEqual(
      readdirSync(directory).filter((name) => name.endsWith('.new')),
      [],
    );
  });
});
