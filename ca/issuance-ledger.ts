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
  /** As in the plan. */
  readonly registration?: Readonly<Record<string, string>>;
  readonly credential: Credential;
  /** As in the plan; goes to the audit log. */
  readonly linking?: LinkingProof;
  readonly relayedBy?: string;
  readonly approval?: string;
  readonly revocationChallenge?: string;
  readonly supersedes?: string;
  /** The partition of the CRL that it is listed in when it is revoked (crl-partition.ts); the whole CRL alone without. */
  readonly crlPartition?: number;
  /** As in the plan. */
  readonly foundRegions?: Readonly<Record<string, string>>;
  /** That it says, in order of preference; none where its profile has no place for them. */
  readonly endpoints?: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly requestId: string;
  readonly recordedAt: Date;
}

/** What an intent will be judged by, before there is one; the key may be still to be made. */
export type ForeseenIntent = Pick<
  Intent,
  | 'issuer'
  | 'requestKeyDigest'
  | 'requestDigest'
  | 'subscriber'
  | 'registration'
  | 'credential'
  | 'relayedBy'
  | 'recordedAt'
> &
  Partial<Pick<Intent, 'publicKeyDigest'>>;

/** CRLReason names of RFC 5280 section 5.3.1 that an operator may give. */
export const revocationReasons = [
  'unspecified',
  'keyCompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
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
  /** Since when it is known or suspected not to be trusted (RFC 5280 section 5.3.2). */
  readonly invalidityDate?: Date;
  /** Serial number of the certificate that this one takes the place of; absent once this one was used. */
  readonly supersedes?: string;
  readonly relayedBy?: string;
  /** Concealed; see CertificatePlan. */
  readonly revocationChallenge?: string;
  readonly foundRegions?: Readonly<Record<string, string>>;
  /** As in the intent; absent where that was not recorded. */
  readonly endpoints?: readonly string[];
}

/** An intent that becomes a certificate. */
export interface FulfilledIntent {
  readonly issuer: string;
  readonly serialNumber: string;
  /** Whether the certificate that it takes the place of is revoked in the same transaction. */
  readonly supersedesAtOnce?: boolean;
}

/** A renewal, by the certificate that it took the place of and authenticated it, and by what was asked for. */
export interface Renewal {
  /** Of the certificate that was renewed. */
  readonly serialNumber: string;
  readonly subscriber: string;
  /** As in the intent. */
  readonly requestDigest: string;
  /** When the new certificate was issued at the earliest. */
  readonly issuedSince: Date;
}

/** Why nothing is issued. */
export interface IntentRefused {
  readonly kind: 'refused';
  readonly code: IssuanceRefusalCode;
  readonly reason: string;
}

export type IntentOutcome =
  | { readonly kind: 'recorded' }
  /** The same credential asked for the same key before: this is what it got, or is about to get. */
  | { readonly kind: 'repeated'; readonly record: IssuanceRecord }
  | IntentRefused;

export interface RevocationOrder {
  readonly reason: RevocationReason;
  readonly at: Date;
  /** Who gave it, for the audit log. */
  readonly by: string;
  readonly invalidityDate?: Date;
}

/** What an order can be about, besides one serial number: all certificates of a device, or over a key. */
export type CertificatesOf = { readonly subscriber: string } | { readonly publicKeyDigest: string };

export interface LiveCertificates {
  readonly count: number;
  /** When the last of them ends; absent where there is none. */
  readonly lastEnds?: Date;
}

export interface IssuanceLedger {
  /**
   * In one transaction: spends the credential, stores the intent, writes the audit entry.
   * Nothing is stored unless the outcome is `recorded`, but that a refusal leaves its own audit entry.
   */
  recordIntent(intent: Intent): Promise<IntentOutcome>;
  /**
   * By the same rules, but for the approval, and without writing anything: what `recordIntent` would refuse by what is on
   * record now. @returns undefined where it would not refuse
   */
  objectionTo(foreseen: ForeseenIntent): Promise<IntentRefused | undefined>;
  /** What `recordIntent` would find repeated, if it would; writes nothing. */
  repetitionOf(foreseen: ForeseenIntent): Promise<IssuanceRecord | undefined>;
  /**
   * Stores the certificate of an intent, with its audit entry, unless one is there already.
   * @returns the certificate on record, DER: the first one stored is the only one ever released
   */
  recordCertificate(
    key: FulfilledIntent,
    certificate: Uint8Array,
    at: Date,
    requestId: string,
  ): Promise<Uint8Array>;
  find(issuer: string, serialNumber: string): Promise<IssuanceRecord | undefined>;
  /** Newest first. `unfinishedSince`: intents alone that have waited for their certificate at least since then. */
  list(filter: {
    subscriber?: string;
    unfinishedSince?: Date;
    limit: number;
  }): Promise<IssuanceRecord[]>;
  /**
   * A certificate that is on hold can still be revoked for good, and counts as revoked since its hold began. What is
   * revoked for good stays so; only keyCompromise takes the place of another reason, since it bars the key.
   * @returns the record as it is now, or undefined if there is none
   */
  revoke(
    issuer: string,
    serialNumber: string,
    order: RevocationOrder,
  ): Promise<IssuanceRecord | undefined>;
  /**
   * The same for all certificates and intents of a device or over a key, whoever issued them, in one transaction.
   * @returns their records as they are now, newest first
   */
  revokeAll(of: CertificatesOf, order: RevocationOrder): Promise<IssuanceRecord[]>;
  /** Ends a hold; what is not on hold stays as it is. @returns the record, and whether it changed */
  release(
    issuer: string,
    serialNumber: string,
    order: Pick<RevocationOrder, 'at' | 'by'>,
  ): Promise<{ record: IssuanceRecord; released: boolean } | undefined>;
  /**
   * Told when a certificate is used: revokes (superseded) the one of the same subscriber that it takes the place of, if that
   * was left until now, whoever issued it.
   */
  supersede(issuer: string, serialNumber: string, at: Date): Promise<void>;
  /**
   * What a renewal brought in place of a certificate, on record for a lost answer: issued to the same request, not revoked,
   * and not used. Changes nothing.
   */
  renewalOf(renewal: Renewal): Promise<IssuanceRecord | undefined>;
  /**
   * The certificates of devices that a key issued, or is about to, which have neither ended nor been revoked for good.
   * @param issuer `CaCertificate.id`
   */
  liveCertificates(issuer: string, at: Date): Promise<LiveCertificates>;
  /** The latest time in the audit log; undefined while that is empty. */
  latestEntry(): Promise<Date | undefined>;
  /** Takes the time for right that the clock shows, though the audit log knows a later one. */
  acceptClock(at: Date, by: string): Promise<void>;
}
