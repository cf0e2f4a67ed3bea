import { hash } from 'node:crypto';
import type { EstExchange } from './exchange.ts';
import { encodeBody } from './messages.ts';

/**
 * Answers with a message, base64 of DER, head and body in one write: strongSwan reads but twice. The
 * Content-Transfer-Encoding is for clients older than RFC 8951.
 */
export function sendMessage(
  { request, response }: Pick<EstExchange, 'request' | 'response'>,
  contentType: string,
  der: Uint8Array,
): void {
  const body = encodeBody(der, request.headers);
  response.setHeader('Content-Type', contentType);
  response.setHeader('Content-Transfer-Encoding', 'base64');
  response.setHeader('Content-Length', body.length);
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** A message that clients fetch again and again, DER, with what they know it by (RFC 9110 section 8.8.3). */
export interface TaggedMessage {
  readonly der: Uint8Array;
  readonly etag: string;
}

export function withEntityTag(der: Uint8Array): TaggedMessage {
  return { der, etag: `"${hash('sha256', der, 'base64url').slice(0, 22)}"` };
}

/** Answers with a message, or with 304 where the client has it already (RFC 9110 section 13.1.2). */
export function sendUnlessKnown(
  { request, response }: Pick<EstExchange, 'request' | 'response'>,
  contentType: string,
  { der, etag }: TaggedMessage,
): void {
  response.setHeader('ETag', etag);
  if (request.headers['if-none-match'] === etag) response.writeHead(304).end();
  else sendMessage({ request, response }, contentType, der);
}
