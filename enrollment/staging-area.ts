/**
 * The staging area: first keys that a person must confirm before their devices get anything. Confirming pins the key to the
 * device, so that one decision is enough, however often the device asks.
 */

import type { Credential } from '../ca/certificate-plan.ts';
import type { IssuanceRefusalCode } from '../ca/refusal.ts';

export const stagedStates = ['pending', 'approved', 'rejected'] as const;
export type StagedState = (typeof stagedStates)[number];

/** Newcomers of one source that may wait at once, and devices of one group. Those of one device: `maxPendingRequests`. */
export const maxPendingOfSource = 20;
export const maxPendingOfGroup = 1000;

/** So many wrong codes, and the entry is rejected: who types them does not see the device, or guesses. */
export const mostWrongCodes = 5;

/** What a person decides about. It is known again by its group, its device and its key. */
export interface StagedRequest {
  /** Label. */
  readonly group: string;
  readonly tenant: string;
  /** As the registry knows it, or made of its key (`dev-...`) for a newcomer. */
  readonly device: string;
  readonly newcomer: boolean;
  /** SHA-256 of the SubjectPublicKeyInfo, hexadecimal. */
  readonly publicKeyDigest: string;
  readonly serialNumber?: string;
  readonly model?: string;
  /** The subject and names that it asks for; as text, without control characters, bounded. */
  readonly subject: string;
  readonly names: readonly string[];
  /** What it presented; its id is no secret. */
  readonly credential: Credential;
  /** Subject of the factory certificate that it presented. */
  readonly factorySubject?: string;
  /** Of the code that it shows (ShownCodes.conceal); a newer one takes its place until the decision. */
  readonly codeHash?: string;
  /** Where it came from: an IPv4 address, or an IPv6 /64 prefix. */
  readonly source: string;
  readonly requestId: string;
  readonly at: Date;
  /** After this nothing remembers the entry, and what was not confirmed begins anew. */
  readonly expiresAt: Date;
}

export interface StagedDevice extends Omit<StagedRequest, 'at' | 'requestId' | 'codeHash'> {
  readonly id: string;
  readonly state: StagedState;
  /** Whether it may be approved by the code alone that it shows. */
  readonly showsCode: boolean;
  readonly wrongCodes: number;
  /** Whether the device is known by another key now. */
  readonly otherKey: boolean;
  /** How often it has asked. */
  readonly asks: number;
  readonly firstSeen: Date;
  readonly lastSeen: Date;
  /** The id of the device that it was confirmed as. */
  readonly confirmedAs?: string;
  /** Why it was rejected, for the device's engineer. */
  readonly reason?: string;
  readonly decidedBy?: string;
  readonly decidedAt?: Date;
}

export type StagingOutcome =
  /** For a person; or one has approved just now, and it is to ask again. */
  | { readonly kind: 'waits'; readonly staged: StagedDevice }
  | { readonly kind: 'rejected'; readonly staged: StagedDevice }
  /** It could never be issued, and is not stored. */
  | { readonly kind: 'refused'; readonly code: IssuanceRefusalCode; readonly reason: string }
  /** Too many others wait, and it is not stored. */
  | { readonly kind: 'too-many-pending'; readonly reason: string };

/** Who says that it is the device. */
export interface Confirmation {
  readonly by: string;
  readonly at: Date;
  /** The id that the device gets, or has, where its group has ids assigned. */
  readonly as?: string;
  /** Of the code that was typed (ShownCodes.conceal). */
  readonly codeHash?: string;
  /** Whether it may take the place of another key that the device is known by. */
  readonly replaceKey?: boolean;
}

export type ConfirmationOutcome =
  | { readonly kind: 'decided'; readonly staged: StagedDevice }
  | { readonly kind: 'unknown' }
  /** It was decided otherwise before, or has expired. */
  | { readonly kind: 'conflict'; readonly staged: StagedDevice }
  /** It cannot be confirmed like this; nothing has changed. */
  | { readonly kind: 'refused'; readonly staged: StagedDevice; readonly reason: string }
  /** Counted; rejected after `mostWrongCodes`. */
  | { readonly kind: 'wrong-code'; readonly staged: StagedDevice };

export interface Rejection {
  readonly reason?: string;
  readonly by: string;
  readonly at: Date;
}

export interface StagedFilter {
  readonly state?: StagedState;
  readonly group?: string;
  readonly tenant?: string;
  readonly at: Date;
  readonly limit: number;
}

/** Port: devices that wait for a person, and what was decided. storage/ implements it. */
export interface StagingArea {
  /** Finds what was decided about a key, or stores it as pending: once, however often it is asked. */
  seek(request: StagedRequest): Promise<StagingOutcome>;
  find(id: string): Promise<StagedDevice | undefined>;
  /** Whether its device shows this code now; nothing is counted. @param codeHash ShownCodes.conceal */
  shows(id: string, codeHash: string): Promise<boolean>;
  /** Newest first; expired ones are left out. */
  list(filter: StagedFilter): Promise<StagedDevice[]>;
  /** Pins the key to its device, which is registered where it is a newcomer. */
  approve(id: string, confirmation: Confirmation): Promise<ConfirmationOutcome>;
  reject(id: string, rejection: Rejection): Promise<ConfirmationOutcome>;
  /**
   * Ends an entry that waits or was rejected: its device begins anew. @returns false where there is none, or it was approved
   */
  forget(id: string, by: string, at: Date): Promise<boolean>;
}

/**
 * Whether a credential is what a device comes with before it has a certificate of ours. Such a one is good for a key that is
 * confirmed, in a group with a staging area; the certificate of a device or of a registration authority is good by itself.
 */
export function isFirstCredential({ kind }: Credential): boolean {
  switch (kind) {
    case 'operator':
    case 'client-certificate':
    case 'registration-authority':
      return false;
    case 'one-time-password':
    case 'factory-certificate':
    case 'bootstrap-credential':
    case 'request-key':
      return true;
  }
}

/** The first 16 digits of a key's SHA-256 in groups of four: short enough to compare with what a device shows. */
export function showFingerprint(publicKeyDigest: string): string {
  return (publicKeyDigest.slice(0, 16).toUpperCase().match(/.{4}/g) ?? []).join('-');
}
