import type { CrlPublisher } from '../../ca/crl-publisher.ts';
import type { StatusExchange } from './exchange.ts';
import { sendCacheable } from './send-cacheable.ts';

/** The CRL of one key, in DER (RFC 2585 section 4.2): it knows of every revocation before the request. */
export async function distributeCrl(
  exchange: StatusExchange,
  crls: Pick<CrlPublisher, 'current'>,
): Promise<void> {
  const { issuer, number, thisUpdate, nextUpdate, der } = await crls.current();
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
