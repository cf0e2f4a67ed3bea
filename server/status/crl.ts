import type { StatusExchange } from './exchange.ts';
import { sendCacheable } from './send-cacheable.ts';

/** The CRL of the issuing CA, one in DER (RFC 2585 section 4.2): it knows of every revocation before the request. */
export async function distributeCrl(exchange: StatusExchange): Promise<void> {
  const { issuer, number, thisUpdate, nextUpdate, der } = await exchange.parts.crls.current();
  exchange.note({ crl: number });
  sendCacheable(exchange, {
    contentType: 'application/pkix-crl',
    der,
    // Each number is used once.
    etag: `"${issuer}-${number}"`,
    lastModified: thisUpdate,
    expires: nextUpdate,
  });
}
