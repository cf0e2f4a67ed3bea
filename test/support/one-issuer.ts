import { defaultIssuer } from '../../ca/ca-state.ts';
import type { CertificateAuthority } from '../../ca/certificate-authority.ts';
import type { Issuers, IssuingAuthority } from '../../enrollment/issuers.ts';

/** A server's only issuing CA, which every group uses. */
export function oneIssuer<More extends object>(
  authority: CertificateAuthority,
  more: More,
): Issuers<IssuingAuthority & More> {
  const issuer = { name: defaultIssuer, authority, ...more };
  return {
    of: () => issuer,
    authorityFor: () => authority,
    certificates: [authority.issuer],
  };
}
