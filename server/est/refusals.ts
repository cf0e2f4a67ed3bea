/**
 * Refusals on the wire: every code of every layer has its status here, or this file does not compile.
 */

import type { IssuanceRefusalCode, RequestRefusalCode } from '../../ca/refusal.ts';
import { Refusal } from '../../ca/refusal.ts';
import { Unavailable } from '../../ca/unavailable.ts';
import { ApprovalPending, TooManyRequestsPending } from '../../enrollment/approvals.ts';
import { type EnrollmentRefusalCode, TooManyFailures } from '../../enrollment/refusal.ts';

export type WireRefusalCode =
  | 'not-base64'
  | 'malformed-http'
  | 'unknown-path'
  | 'unknown-label'
  | 'method-not-allowed'
  | 'not-acceptable'
  | 'too-large'
  | 'unsupported-media-type'
  | 'possession-unproven';

export type RefusalCode =
  | RequestRefusalCode
  | IssuanceRefusalCode
  | EnrollmentRefusalCode
  | WireRefusalCode;

const statusOf: Record<RefusalCode, number> = {
  'malformed-request': 400,
  'bad-signature': 400,
  'unsupported-key': 400,
  'not-base64': 400,
  'malformed-http': 400,
  'linking-required': 400,
  'linking-failed': 400,
  'request-incomplete': 400,
  unauthenticated: 401,
  'mistyped-code': 400,
  'credential-spent': 401,
  'identity-mismatch': 403,
  'factory-certificate-refused': 403,
  'factory-certificate-used': 403,
  'factory-key-mismatch': 403,
  'first-key-mismatch': 403,
  'bootstrap-quota-used': 403,
  'bootstrap-window-closed': 403,
  'device-blocked': 403,
  'device-quarantined': 403,
  'no-endpoint': 403,
  'allocation-denied': 403,
  'tenant-suspended': 403,
  'certificate-revoked': 403,
  'subscriber-inactive': 403,
  'key-in-use': 403,
  'key-compromised': 403,
  'key-banned': 403,
  'key-unconfirmed': 403,
  'unknown-path': 404,
  'unknown-label': 404,
  'method-not-allowed': 405,
  'not-acceptable': 406,
  'too-large': 413,
  'unsupported-media-type': 415,
  'possession-unproven': 400,
  'too-many-failures': 429,
  'approval-pending': 202,
  'approval-rejected': 403,
  'authorization-denied': 403,
  'too-many-requests-pending': 429,
  'approval-used': 403,
  // Not 404, which would mean that /fullcmc is not there (RFC 7030 section 4.3.2).
  'unknown-certificate': 400,
  'revocation-not-permitted': 403,
  'profile-not-permitted': 403,
  'issuer-not-permitted': 403,
  'key-generation-not-allowed': 403,
  'encryption-required': 400,
  'unknown-decryption-key': 400,
  'no-common-algorithm': 400,
  'generated-key-gone': 403,
  'not-set-up': 501,
};

export function refuse(code: WireRefusalCode, reason: string): Refusal<WireRefusalCode> {
  return new Refusal(code, reason);
}

/** What is sent for an error. A body is text/plain and says the reason (RFC 7030 section 4.2.3). */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** Empty with 401: Bouncy Castle's client fails on a body there. */
  readonly body: string;
  /** A fault is ours and is logged in full; a refusal is the caller's. */
  readonly fault: boolean;
}

function statusFor(error: unknown): number | undefined {
  return error instanceof Refusal && Object.hasOwn(statusOf, error.code)
    ? statusOf[error.code as RefusalCode]
    : undefined;
}

/** Whether the answer is to say how one authenticates here. */
export function asksForAuthentication(error: unknown): boolean {
  return statusFor(error) === 401;
}

/**
 * @param challenges for a 401. A 401 says that there is a way to authenticate by HTTP (RFC 9110 section 15.5.2); where no
 * password is accepted there is none, and 403 is the answer.
 */
export function answerFor(
  error: unknown,
  requestId: string,
  challenges: readonly string[],
): ErrorAnswer {
  const status = statusFor(error);
  if (status === 401)
    return challenges.length > 0
      ? { status, headers: { 'WWW-Authenticate': challenges }, body: '', fault: false }
      : { status: 403, headers: {}, body: sentence(certificateOnly, requestId), fault: false };
  if (error instanceof Refusal && status !== undefined) {
    const headers: Record<string, string> =
      error instanceof TooManyFailures ||
      error instanceof ApprovalPending ||
      error instanceof TooManyRequestsPending
        ? { 'Retry-After': String(error.retryAfter) }
        : {};
    return { status, headers, body: sentence(error.message, requestId), fault: false };
  }
  if (error instanceof Unavailable)
    return {
      status: 503,
      headers: { 'Retry-After': String(error.retryAfter) },
      body: sentence(sentenceOfUnavailable(error), requestId),
      fault: true,
    };
  const body = 'The server failed to process the request.';
  return { status: 500, headers: {}, body: sentence(body, requestId), fault: true };
}

const notAtThisTime =
  'The certification authority does not issue at this time: its clock is not right, or its validity is over. Nothing is lost.';

/** Why nothing can be had just now, by the name of the error; a subclass needs a line of its own. */
const unavailableSentences = {
  ClockRefused: notAtThisTime,
  OutsideCaValidity: notAtThisTime,
  AuthorizationUnavailable:
    'Who must authorise this certificate cannot be asked just now; nothing is lost, try again.',
  EndpointsUnavailable:
    'Who says where this device goes cannot be asked just now; nothing is lost, try again.',
};

function sentenceOfUnavailable({ name }: Unavailable): string {
  return Object.hasOwn(unavailableSentences, name)
    ? unavailableSentences[name as keyof typeof unavailableSentences]
    : 'The certification authority cannot be reached just now; nothing is lost, try again.';
}

const certificateOnly = 'A valid client certificate is needed here, and no password is accepted.';

function sentence(reason: string, requestId: string): string {
  return `${reason} (request ${requestId})\n`;
}
