/**
 * Port: the issuing CAs of this server, of which each group uses one.
 */

import type { CaCertificate } from '../ca/ca-chain.ts';
import type { CertificateAuthority } from '../ca/certificate-authority.ts';
import type { IssuanceLedger, IssuanceRecord } from '../ca/issuance-ledger.ts';
import type { AuthorizedIssuance, IssuerOfTenant } from './authorize.ts';
import type { Group } from './group.ts';
import type { KeyPackager } from './key-package.ts';

/** An issuing CA at work. */
export interface IssuingAuthority extends IssuerOfTenant {
  /** By its active certificate; to have something issued takes an authorisation. */
  readonly authority: Pick<CertificateAuthority, 'issuer'>;
  /** Signs CMC answers and packages of generated keys; absent where the CA has no key for that. */
  readonly cmcSigner?: KeyPackager;
}

export interface Issuers<Authority extends IssuingAuthority = IssuingAuthority> {
  /**
   * @param group the default issuer where there is none
   * @throws SignerUnavailable where the group's issuer has no certificate yet, or is none of this CA
   */
  of(group: Pick<Group, 'label' | 'settings'> | undefined): Authority;
  /** Issues with the active key of the issuer that was authorised. @throws SignerUnavailable */
  authorityFor(authorized: AuthorizedIssuance): CertificateAuthority;
  /** The certificates of all keys that ever issued, or are about to. */
  readonly certificates: readonly CaCertificate[];
}

/** The certificate of that serial number, whichever key of this CA issued it; they are random, so no two have the same. */
export async function findIssued(
  { certificates }: Pick<Issuers, 'certificates'>,
  ledger: Pick<IssuanceLedger, 'find'>,
  serialNumber: string,
): Promise<IssuanceRecord | undefined> {
  for (const { id } of certificates) {
    const record = await ledger.find(id, serialNumber);
    if (record) return record;
  }
  return undefined;
}
