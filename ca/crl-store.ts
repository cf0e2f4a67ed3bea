/**
 * Port: the CRLs that were issued, and what the next one has to say. storage/ implements it.
 */

import type { RevokedCertificate } from './crl.ts';

export interface CrlRecord {
  /** `CaCertificate.id` of the issuer. */
  readonly issuer: string;
  /** cRLNumber: 1 for the issuer's first CRL, and one more for each. */
  readonly number: number;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** How many of the issuer's revocations, holds and releases it knows of; what came since is not on it. */
  readonly revocations: number;
  /** CertificateList, DER. */
  readonly der: Uint8Array;
}

/** What decides whether the newest CRL still says everything. */
export interface RevocationState {
  /** Number of the newest CRL; 0 while there is none. */
  readonly newest: number;
  /** How often a certificate of the issuer was revoked, held or released; it never falls. */
  readonly revocations: number;
}

/** A place in the list of revoked certificates, which is ordered by their end, then by serial number. */
export interface RevokedPlace {
  readonly notAfter: Date;
  readonly serialNumber: string;
}

export interface CrlStore {
  state(issuer: string): Promise<RevocationState>;
  newest(issuer: string): Promise<CrlRecord | undefined>;
  /** The first revoked certificates after a place, and revoked intents, since they may have been signed. */
  revoked(
    issuer: string,
    after: RevokedPlace,
    limit: number,
  ): Promise<(RevokedCertificate & RevokedPlace)[]>;
  /**
   * Stores a CRL, with its audit entry, if its number is the one after the newest.
   * @returns false if another process was first: then nothing is stored
   */
  add(crl: CrlRecord): Promise<boolean>;
}
