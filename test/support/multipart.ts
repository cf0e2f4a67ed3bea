/**
 * multipart/mixed read strictly (RFC 2046 section 5.1.1): CRLF, nothing around the parts, base64 inside.
 */

import assert from 'node:assert/strict';

export interface ReadPart {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly der: Buffer;
}

export function readMultipart(contentType: string, body: string): ReadPart[] {
  const boundary = /^multipart\/mixed; *boundary="?([^";]+)"?$/.exec(contentType)?.[1];
  assert.ok(boundary, contentType);
  assert.doesNotMatch(body, /[^\r]\n|\r[^\n]/, 'every line ends with CRLF');
  const [preamble, ...sections] = `\r\n${body}`.split(`\r\n--${boundary}`);
  assert.equal(preamble, '');
  assert.equal(sections.pop(), '--\r\n');
  return sections.map(readPart);
}

function readPart(section: string): ReadPart {
  assert.ok(section.startsWith('\r\n'));
  const [head = '', ...rest] = section.slice(2).split('\r\n\r\n');
  assert.equal(rest.length, 1);
  const headers = Object.fromEntries(
    head.split('\r\n').map((line) => {
      const [name = '', ...value] = line.split(': ');
      return [name.toLowerCase(), value.join(': ')];
    }),
  );
  assert.equal(headers['content-transfer-encoding'], 'base64');
  const [text = ''] = rest;
  assert.match(text, /^[A-Za-z0-9+/=\r\n]+$/);
  return { headers, der: Buffer.from(text, 'base64') };
}
