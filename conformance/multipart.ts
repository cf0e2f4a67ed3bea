import assert from 'node:assert/strict';
import type { HttpAnswer } from './http-answer.ts';

export interface BodyPart {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Parts of a multipart body by its delimiter lines; what stands before and after them is skipped (RFC 2046 section 5.1.1). */
export function bodyParts({ headers, body }: HttpAnswer): BodyPart[] {
  const type = headers['content-type'] ?? 'none';
  const [, quoted, plain] =
    /^multipart\/mixed *;(?:.*;)? *boundary=(?:"([^"]{1,70})"|([^ ;"]{1,70}))/i.exec(type) ?? [];
  const boundary = quoted ?? plain;
  assert.ok(boundary, `Content-Type: expected multipart/mixed with a boundary, got ${type}`);
  const sections = `\r\n${body.toString('latin1')}`.split(`\r\n--${boundary}`);
  const end = sections.findIndex((section) => section.startsWith('--'));
  assert.ok(end > 0, 'the body has no closing delimiter');
  return sections.slice(1, end).map(bodyPart);
}

function bodyPart(section: string): BodyPart {
  const [, head, body] = /^[ \t]*\r\n((?:[^\r\n]+\r\n)*)\r\n(.*)$/s.exec(section) ?? [];
  assert.ok(head !== undefined && body !== undefined, 'a part has no empty line after its headers');
  const fields = head.split('\r\n').filter((line) => line !== '');
  const headers = fields.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return { headers: Object.fromEntries(headers), body: Buffer.from(body, 'latin1') };
}
