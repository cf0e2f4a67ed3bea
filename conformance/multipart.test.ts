import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyParts } from './multipart.ts';

function parts(type: string, ...lines: string[]) {
  const body = Buffer.from(lines.join('\r\n'));
  const headers = { 'content-type': type };
  return bodyParts({ status: 200, headers, rawHeaders: [], body, continued: false });
}

const TWO = ['--b', 'A: 1', '', 'one', 'more', '--b', '', 'two', '--b--'];

test('the parts are what stands between the delimiters', () => {
  const found = parts('multipart/mixed; boundary=b', ...TWO);
  assert.deepEqual(
    found.map(({ headers, body }) => [headers, body.toString()]),
    [
      [{ a: '1' }, 'one\r\nmore'],
      [{}, 'two'],
    ],
  );
});

test('preamble, epilogue, a quoted boundary and further parameters are no parts', () => {
  const type = 'Multipart/Mixed; charset=utf-8; boundary="b"';
  assert.equal(parts(type, 'preamble', ...TWO, 'epilogue').length, 2);
});

test('what is not closed, has no boundary or no end of its headers is refused', () => {
  const type = 'multipart/mixed; boundary=b';
  assert.throws(() => parts(type, ...TWO.slice(0, -1)), /no closing delimiter/);
  assert.throws(() => parts('multipart/mixed', ...TWO), /with a boundary/);
  assert.throws(() => parts('application/pkcs8; boundary=b', ...TWO), /multipart\/mixed/);
  assert.throws(() => parts(type, '--b', 'A: 1', '--b--'), /no empty line/);
});
