import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readList } from './read-list.ts';

const directory = mkdtempSync(join(tmpdir(), 'bestow-list-'));
after(() => rmSync(directory, { recursive: true, force: true }));

async function read(content: string | Buffer, delimiter = ',') {
  const path = join(directory, 'list.csv');
  writeFileSync(path, content);
  const rows = [];
  for await (const { row, content } of readList({ path, delimiter, ignoreUnknown: false }))
    rows.push([row, content instanceof Map ? Object.fromEntries(content) : content]);
  return rows;
}

test('rows are numbered as spreadsheets do, over empty rows and values of several lines', async () => {
  assert.deepEqual(await read('\ufeffid;site\r\na;"x\ny"\r\n\r\nb;\r\n;\r\nc; z \r\n', ';'), [
    [2, { id: 'a', site: 'x\ny' }],
    [4, { id: 'b' }],
    [6, { id: 'c', site: 'z' }],
  ]);
});

test('values of the wrong number, or not in UTF-8, are problems of their row', async () => {
  assert.deepEqual(await read('id,site\na\nb,c\nd,e,f\n'), [
    [2, { column: '', reason: 'The row has 1 values, the heading 2.' }],
    [3, { id: 'b', site: 'c' }],
    [4, { column: '', reason: 'The row has 3 values, the heading 2.' }],
  ]);
  assert.deepEqual(await read(Buffer.from('id,site\na,H\xf6he\n', 'latin1')), [
    [2, { column: 'site', reason: 'The value is not UTF-8.' }],
  ]);
});

test('what is no CSV ends the reading', async () => {
  await assert.rejects(read('id,site\na,"no end\n'), /is no CSV: Quote Not Closed/);
  await assert.rejects(read(`id\n${'a'.repeat(70_000)}\n`), /is no CSV: Max Record Size/);
  await assert.rejects(read(''), /is empty/);
});
