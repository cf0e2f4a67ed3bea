/**
 * Why a message, or parts of it, failed, in the words of CMC (RFC 5272 sections 6.1.3 and 6.1.4).
 */

import { Refusal } from '../../../ca/refusal.ts';
import { Unavailable } from '../../../ca/unavailable.ts';
import type { RefusalCode } from '../refusals.ts';
import type { BodyPartId } from './body-part.ts';
import type { CmcFailInfo } from './status-info.ts';

/** noSupport is a status of its own, for what is understood and not offered. */
export type CmcReason = CmcFailInfo | 'noSupport';

export class CmcFailure extends Error {
  override readonly name = 'CmcFailure';
  /** What happened: decides the HTTP status. A fault of ours stays one. */
  override readonly cause: unknown;
  readonly reason: CmcReason;
  /** The parts it is about, where that is known. */
  readonly bodyList: readonly BodyPartId[] | undefined;

  constructor(cause: unknown, reason: CmcReason, bodyList?: readonly BodyPartId[]) {
    super(cause instanceof Error ? cause.message : String(cause));
    this.cause = cause;
    this.reason = reason;
    this.bodyList = bodyList;
  }
}

/** @param message as of a Refusal */
export function failed(
  code: RefusalCode,
  message: string,
  reason: CmcReason,
  bodyList?: readonly BodyPartId[],
): CmcFailure {
  return new CmcFailure(new Refusal<RefusalCode>(code, message), reason, bodyList);
}

/** What each code is called in CMC; badRequest, a transaction that is not permitted or supported, where nothing stands. */
const reasons: Partial<Record<RefusalCode, CmcFailInfo>> = {
  'bad-signature': 'popFailed',
  'linking-required': 'popFailed',
  'linking-failed': 'popFailed',
  'unsupported-key': 'badAlg',
  unauthenticated: 'badIdentity',
  'credential-spent': 'badIdentity',
  'identity-mismatch': 'badIdentity',
  'certificate-revoked': 'badIdentity',
  'factory-certificate-refused': 'badIdentity',
  'factory-certificate-used': 'badIdentity',
  'factory-key-mismatch': 'badIdentity',
  'key-in-use': 'noKeyReuse',
  'key-compromised': 'noKeyReuse',
  'unknown-certificate': 'badCertId',
  'revocation-not-permitted': 'badIdentity',
  'too-many-failures': 'tryLater',
  'too-many-requests-pending': 'tryLater',
};

/** The failure that an error is; it is about these parts unless it says itself which. */
export function failureOf(error: unknown, bodyList?: readonly BodyPartId[]): CmcFailure {
  if (!(error instanceof CmcFailure)) return new CmcFailure(error, reasonOf(error), bodyList);
  return error.bodyList ? error : new CmcFailure(error.cause, error.reason, bodyList);
}

function reasonOf(error: unknown): CmcReason {
  if (error instanceof Refusal) return reasons[error.code as RefusalCode] ?? 'badRequest';
  return error instanceof Unavailable ? 'tryLater' : 'internalCAError';
}
