/**
 * Port: the CRLs that were issued, and what the next one has to say. storage/ implements it.
 */

import type { RevokedCertificate } from './crl.ts';

/** Which of an issuer's certificates a CRL is about. Each scope has its own sequence of numbers. */
export interface CrlScope {
  /** `CaCertificate.id` of the issuer. */
  readonly issuer: string;
  /** See crl-partition.ts; 0 is the whole CRL. */
  readonly partition: number;
}

/** A CRL but for its octets. */
export interface CrlEdition {
  /** cRLNumber: 1 for the first CRL of the scope, and one more for each. */
  readonly number: number;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** How many of the scope's revocations, holds and releases it knows of; what came since is not on it. */
  readonly revocations: number;
}

export interface CrlRecord extends CrlScope, CrlEdition {
  /** CertificateList, DER. */
  readonly der: Uint8Array;
}

/** What decides whether the newest CRL still says everything. */
export interface RevocationState {
  /** Number of the newest CRL; 0 while there is none. */
  readonly newest: number;
  /** How often a certificate of the scope was revoked, held or released; it never falls. */
  readonly revocations: number;
}

/** The same with what the newest CRL is like. */
export interface ScopeState extends CrlScope, RevocationState {
  readonly edition?: CrlEdition & {
    /** Octets. */
    readonly size: number;
  };
}

export interface CrlStore {
  /**
   * Makes scopes known before anything is issued in them, with the addresses that certificates will name; what is known
   * already stays.
   * @param urls by partition; the whole CRL may have none
   */
  open(issuer: string, urls: ReadonlyMap<number, string | undefined>): Promise<void>;
  /** All known scopes of an issuer, in ascending order of their partitions. */
  states(issuer: string): Promise<ScopeState[]>;
  /** @returns undefined where the scope is not known, unless it is the whole CRL */
  state(scope: CrlScope): Promise<RevocationState | undefined>;
  /** Every address that certificates in the scope may name, those that were named last first. */
  urls(scope: CrlScope): Promise<string[]>;
  newest(scope: CrlScope): Promise<CrlRecord | undefined>;
  /**
   * The first revoked certificates after a serial number, in ascending order, and revoked intents, since they may have been
   * signed; none whose end is over.
   * @param of.endingAfter left out are those that ended before this time
   */
  revoked(
    scope: CrlScope,
    of: { readonly after: string; readonly endingAfter: Date },
    limit: number,
  ): Promise<RevokedCertificate[]>;
  /**
   * Stores a CRL, with its audit entry, if its number is the one after the newest.
   * @returns false if another process was first: then nothing is stored
   */
  add(crl: CrlRecord): Promise<boolean>;
  /**
   * Takes or keeps the turn to make a scope's next CRL. It saves work and decides nothing: that is up to `add`.
   * @param claim.by who; until this time the turn is theirs
   * @returns false while it is another's
   */
  claim(scope: CrlScope, claim: { by: string; now: Date; until: Date }): Promise<boolean>;
}
