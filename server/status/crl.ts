import { wholeCrl } from '../../ca/crl-partition.ts';
import type { CrlPublisher } from '../../ca/crl-publisher.ts';
import { refuse } from '../est/refusals.ts';
import type { StatusExchange } from './exchange.ts';
import { sendCacheable } from './send-cacheable.ts';

/**
 * The CRL of one key, or of a partition of its certificates, in DER (RFC 2585 section 4.2): it knows of every revocation
 * before the request, unless it is a large one (ca/crl-publisher.ts). All who fetch it are sent the same octets.
 */
export async function distributeCrl(
  exchange: StatusExchange,
  crls: Pick<CrlPublisher, 'current' | 'has'>,
  partition = wholeCrl,
): Promise<void> {
  if (partition !== wholeCrl && !(await crls.has(partition)))
    throw refuse('unknown-path', 'There is no such partition of the CRL.');
  const { issuer, number, thisUpdate, nextUpdate, der } = await crls.current(partition);
  exchange.note({ crl: number, ...(partition === wholeCrl ? {} : { partition }) });
  sendCacheable(exchange, {
    contentType: 'application/pkix-crl',
    der,
    // Each number is used once.
    etag: partition === wholeCrl ? `"${issuer}-${number}"` : `"${issuer}-${partition}-${number}"`,
    lastModified: thisUpdate,
    expires: nextUpdate,
  });
}
