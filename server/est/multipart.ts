/**
 * multipart/mixed with base64 parts (RFC 2046 section 5.1, RFC 2045 section 6.8).
 */

export interface BodyPart {
  readonly contentType: string;
  readonly der: Uint8Array;
}

/** No base64 has a hyphen, so no part can hold a delimiter. */
const boundary = 'bestow-key-and-certificate';
const lineLength = 64;

export const multipartMixed = `multipart/mixed; boundary=${boundary}`;

/** Lines end with CRLF, and there is nothing around the parts, which not every client would skip. */
export function encodeMultipart(parts: readonly BodyPart[]): Buffer {
  const lines = parts.flatMap(({ contentType, der }) => [
    `--${boundary}`,
    `Content-Type: ${contentType}`,
    'Content-Transfer-Encoding: base64',
    '',
    ...base64Lines(der),
  ]);
  return Buffer.from(`${[...lines, `--${boundary}--`, ''].join('\r\n')}`, 'latin1');
}

function base64Lines(der: Uint8Array): string[] {
  const text = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64');
  const lines: string[] = [];
  for (let at = 0; at < text.length; at += lineLength) lines.push(text.slice(at, at + lineLength));
  return lines;
}
