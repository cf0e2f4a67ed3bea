import type { EstExchange } from './exchange.ts';

/** /csrattrs (RFC 7030 section 4.5.2, RFC 8951 section 4): no attributes are asked for, so there are none to announce. */
export function announceNothing({ response }: EstExchange): void {
  response.writeHead(204).end();
}
