/**
 * Port: what we meant to sign, what we signed, what we revoked. storage/ implements it.
 * An intent is on record before its signature exists, so that no crash leaves a certificate nobody knows of.
 */

import type { Credential, LinkingProof } from './certificate-plan.ts';
import type { IssuanceRefusalCode } from './refusal.ts';

export interface Intent {
  /** `CaCertificate.id` of the issuer. */
  readonly issuer: string;
  /** Hexadecimal; unique under its issuer. */
  readonly serialNumber: string;
  /** TBSCertificate, DER. */
  readonly toBeSigned: Uint8Array;
  /** SHA-256 of the SubjectPublicKeyInfo, hexadecimal. */
  readonly publicKeyDigest: string;
  /** As in the plan; a one-time password is spent on this one where there is one. */
  readonly requestKeyDigest?: string;
  /** What a repeated request is recognised by: key, subject and names; hexadecimal. */
  readonly requestDigest: string;
  readonly profile: string;
  readonly subscriber?: string;
  readonly credential: Credential;
  /** As in the plan; goes to the audit log. */
  readonly linking?: LinkingProof;
  readonly relayedBy?: string;
  readonly approval?: string;
  readonly revocationChallenge?: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly requestId: string;
  readonly recordedAt: Date;
}

/** CRLReason names of RFC 5280 section 5.3.1 that an operator may give. */
export const revocationReasons = [
  'unspecified',
  'keyCompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'privilegeWithdrawn',
] as const;
export type RevocationReason = (typeof revocationReasons)[number];

export interface IssuanceRecord {
  readonly issuer: string;
  readonly serialNumber: string;
  readonly toBeSigned: Uint8Array;
  readonly publicKeyDigest: string;
  readonly profile: string;
  readonly subscriber?: string;
  readonly credential: Credential;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly recordedAt: Date;
  /** The certificate, DER; absent while the intent has not become one. */
  readonly certificate?: Uint8Array;
  readonly issuedAt?: Date;
  readonly revokedAt?: Date;
  readonly revocationReason?: RevocationReason;
  readonly relayedBy?: string;
  /** Concealed; see CertificatePlan. */
  readonly revocationChallenge?: string;
}

export type IntentOutcome =
  | { readonly kind: 'recorded' }
  /** The same credential asked for the same key before: this is what it got, or is about to get. */
  | { readonly kind: 'repeated'; readonly record: IssuanceRecord }
  | { readonly kind: 'refused'; readonly code: IssuanceRefusalCode; readonly reason: string };

export interface RevocationOrder {
  readonly reason: RevocationReason;
  readonly at: Date;
  /** Who gave it, for the audit log. */
  readonly by: string;
}

export interface IssuanceLedger {
  /**
   * In one transaction: spends the credential, stores the intent, writes the audit entry.
   * Nothing is stored unless the outcome is `recorded`, but that a refusal leaves its own audit entry.
   */
  recordIntent(intent: Intent): Promise<IntentOutcome>;
  /**
   * Stores the certificate of an intent, with its audit entry, unless one is there already.
   * @returns the certificate on record, DER: the first one stored is the only one ever released
   */
  recordCertificate(
    key: { readonly issuer: string; readonly serialNumber: string },
    certificate: Uint8Array,
    at: Date,
    requestId: string,
  ): Promise<Uint8Array>;
  find(issuer: string, serialNumber: string): Promise<IssuanceRecord | undefined>;
  /** Newest first. */
  list(filter: { subscriber?: string; limit: number }): Promise<IssuanceRecord[]>;
  /** @returns the record as it is now, or undefined if there is none; revoking twice changes nothing */
  revoke(
    issuer: string,
    serialNumber: string,
    order: RevocationOrder,
  ): Promise<IssuanceRecord | undefined>;
}
