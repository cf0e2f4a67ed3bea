import type { StatusExchange } from './exchange.ts';

/** What caches may keep: DER, and how long it is good for. */
export interface Cacheable {
  readonly contentType: string;
  readonly der: Uint8Array;
  /** Entity tag, with its quotes (RFC 9110 section 8.8.3). */
  readonly etag: string;
  readonly lastModified: Date;
  /** When it must have been replaced. */
  readonly expires: Date;
}

/**
 * A cache asks again after an hour at the latest, so that what was revoked meanwhile reaches those behind it long before
 * nextUpdate.
 */
const longestSeconds = 3600;

/** Answers with DER as it is, or with 304 where the caller has it already (RFC 9110 section 13.1, RFC 9919 section 6). */
export function sendCacheable(
  { request, response }: Pick<StatusExchange, 'request' | 'response'>,
  { contentType, der, etag, lastModified, expires }: Cacheable,
): void {
  const left = Math.floor((expires.getTime() - Date.now()) / 1000);
  const maxAge = Math.max(0, Math.min(left, longestSeconds));
  response.setHeader('ETag', etag);
  response.setHeader('Last-Modified', lastModified.toUTCString());
  response.setHeader('Expires', expires.toUTCString());
  response.setHeader('Cache-Control', `max-age=${maxAge}, public, no-transform, must-revalidate`);
  if (request.fresh) response.writeHead(304).end();
  else sendDer({ request, response }, contentType, der);
}

export function sendDer(
  { request, response }: Pick<StatusExchange, 'request' | 'response'>,
  contentType: string,
  der: Uint8Array,
): void {
  response.setHeader('Content-Type', contentType);
  response.setHeader('Content-Length', der.length);
  response.end(request.method === 'HEAD' ? undefined : der);
}
