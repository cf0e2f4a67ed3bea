import type { StatusUrls } from '../../ca/compose-certificate.ts';
import { crlUrlOf, wholeCrl } from '../../ca/crl-partition.ts';

/** What is where on the status listener; each key of a CA has its own CRL (RFC 5280 section 5). */
export const statusPaths = {
  /**
   * @param id `CaCertificate.id` of the key that signs it
   * @param partition of its certificates; the whole CRL without
   */
  crl: (id: string, partition = wholeCrl) => crlUrlOf(`/crl/${id}.crl`, partition),
  /** @param id `CaCertificate.id` */
  certificate: (id: string) => `/ca/${id}.cer`,
  ocsp: '/ocsp',
} as const;

/**
 * What certificates say of it.
 * @param status by whose URL, without a slash at its end, relying parties reach the listener; nothing is said without one
 * @param id `CaCertificate.id` of their issuer
 * @param options whether there is a key that signs OCSP answers
 */
export function statusUrlsOf(
  status: { readonly url: string } | undefined,
  id: string,
  { ocsp }: { readonly ocsp: boolean },
): StatusUrls | undefined {
  if (!status) return undefined;
  const { url } = status;
  return {
    crl: `${url}${statusPaths.crl(id)}`,
    issuer: `${url}${statusPaths.certificate(id)}`,
    ...(ocsp ? { ocsp: `${url}${statusPaths.ocsp}` } : {}),
  };
}
