import type { CaCertificate } from '../../ca/ca-chain.ts';
import type { StatusExchange } from './exchange.ts';
import { sendCacheable } from './send-cacheable.ts';

/** One certificate of the CA, in DER (RFC 5280 section 4.2.2.1, RFC 2585 section 4.1); it never changes. */
export function distributeCaCertificate(
  exchange: StatusExchange,
  { der, serialNumber, id, notBefore, notAfter }: CaCertificate,
): void {
  sendCacheable(exchange, {
    contentType: 'application/pkix-cert',
    der,
    etag: `"${id}-${serialNumber}"`,
    lastModified: notBefore,
    expires: notAfter,
  });
}
