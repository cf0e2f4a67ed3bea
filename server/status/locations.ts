import type { StatusUrls } from '../../ca/compose-certificate.ts';

/** What is where on the status listener. */
export const statusPaths = {
  crl: '/crl/issuing.crl',
  issuing: '/issuing.cer',
  root: '/root.cer',
  ocsp: '/ocsp',
} as const;

/**
 * What certificates say of it.
 * @param status by whose URL, without a slash at its end, relying parties reach the listener; nothing is said without one
 * @param options whether there is a key that signs OCSP answers
 */
export function statusUrlsOf(
  status: { readonly url: string } | undefined,
  { ocsp }: { readonly ocsp: boolean },
): StatusUrls | undefined {
  if (!status) return undefined;
  const { url } = status;
  return {
    crl: `${url}${statusPaths.crl}`,
    issuer: `${url}${statusPaths.issuing}`,
    ...(ocsp ? { ocsp: `${url}${statusPaths.ocsp}` } : {}),
  };
}
