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
