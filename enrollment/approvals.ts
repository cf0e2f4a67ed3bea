/**
 * Certificates that a person must approve (RFC 7030 section 4.2.3, status 202).
 */

import { Refusal } from '../ca/refusal.ts';
import type { EnrollmentRefusalCode } from './refusal.ts';

export const approvalStates = ['pending', 'approved', 'rejected', 'used'] as const;
export type ApprovalState = (typeof approvalStates)[number];

/** Requests of one device that may wait at once: one or two are its own, more are somebody's who fills the list. */
export const maxPendingRequests = 10;

/** What a person decides about. A repeated request is known by its device, its key and its names. */
export interface ApprovalRequest {
  readonly device: string;
  /** What a repeated request is recognised by: key, subject, names and profile; hexadecimal. */
  readonly requestDigest: string;
  /** SHA-256 of the SubjectPublicKeyInfo, hexadecimal. */
  readonly publicKeyDigest: string;
  /** The subject as text. */
  readonly subject: string;
  readonly names: readonly string[];
  readonly profile: string;
  /** Where it came from: an IPv4 address, or an IPv6 /64 prefix. */
  readonly source: string;
  readonly requestId: string;
  readonly at: Date;
  /** After this nothing remembers the request or its decision, and it begins anew. */
  readonly expiresAt: Date;
}

export interface Approval extends Omit<ApprovalRequest, 'at' | 'requestId'> {
  readonly id: string;
  readonly state: ApprovalState;
  readonly firstSeen: Date;
  readonly lastSeen: Date;
  /** Why it was rejected, for the device's engineer. */
  readonly reason?: string;
  readonly decidedBy?: string;
  readonly decidedAt?: Date;
}

export interface Decision {
  readonly approve: boolean;
  readonly reason?: string;
  readonly by: string;
  readonly at: Date;
}

export type DecisionOutcome =
  | { readonly kind: 'decided'; readonly approval: Approval }
  | { readonly kind: 'unknown' }
  /** It was decided otherwise before, has been used, or has expired. */
  | { readonly kind: 'conflict'; readonly approval: Approval };

/** Port: requests that wait for a person, and what was decided. storage/ implements it. */
export interface Approvals {
  /**
   * Finds what was decided about a request, or stores it as pending: once, however often it is asked, and not beyond
   * `maxPendingRequests` of the device.
   * @param anew the approval found before is used up: it is not to be found again
   */
  seek(request: ApprovalRequest, anew?: boolean): Promise<Approval | 'too-many-pending'>;
  find(id: string): Promise<Approval | undefined>;
  /** Newest first; expired ones are left out. */
  list(filter: { state?: ApprovalState; at: Date; limit: number }): Promise<Approval[]>;
  decide(id: string, decision: Decision): Promise<DecisionOutcome>;
}

/** The request is stored and waits for a person (RFC 7030 section 4.2.3). */
export class ApprovalPending extends Refusal<EnrollmentRefusalCode> {
  readonly approval: string;
  /** Seconds. */
  readonly retryAfter: number;

  constructor(
    approval: string,
    retryAfter: number,
    sentence = `The request waits for approval as ${approval}; ask again with the same key and names.`,
  ) {
    super('approval-pending', sentence);
    this.approval = approval;
    this.retryAfter = retryAfter;
  }
}

/** Too many others wait; this one is not stored. */
export class TooManyRequestsPending extends Refusal<EnrollmentRefusalCode> {
  /** Seconds. */
  readonly retryAfter: number;

  constructor(reason: string, retryAfter: number) {
    super('too-many-requests-pending', reason);
    this.retryAfter = retryAfter;
  }
}

export function tooManyOfDevice(device: string): string {
  return `${maxPendingRequests} requests of ${device} wait for approval, and no more may: ask again with the key and names of one of them, or have one decided (\`bestow pending list\`).`;
}
