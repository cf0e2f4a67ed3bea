import { Refusal } from '../ca/refusal.ts';

/** Why a caller who may be well-formed gets no certificate. */
export type EnrollmentRefusalCode =
  | 'unauthenticated'
  | 'mistyped-code'
  | 'identity-mismatch'
  | 'request-incomplete'
  | 'linking-required'
  | 'linking-failed'
  | 'factory-certificate-refused'
  | 'first-key-mismatch'
  | 'bootstrap-window-closed'
  | 'device-blocked'
  | 'device-quarantined'
  | 'no-endpoint'
  | 'allocation-denied'
  | 'tenant-suspended'
  | 'certificate-revoked'
  | 'too-many-failures'
  | 'approval-pending'
  | 'approval-rejected'
  | 'authorization-denied'
  | 'too-many-requests-pending'
  | 'unknown-certificate'
  | 'revocation-not-permitted'
  | 'profile-not-permitted'
  | 'issuer-not-permitted'
  | 'key-generation-not-allowed'
  | 'encryption-required'
  | 'unknown-decryption-key'
  | 'no-common-algorithm'
  | 'generated-key-gone'
  | 'not-set-up';

/**
 * Who asks is not known. The reason is for the log alone: unknown, wrong, spent and expired look alike outside.
 */
export function unauthenticated(reason: string): Refusal<EnrollmentRefusalCode> {
  return new Refusal('unauthenticated', reason);
}

export function identityMismatch(reason: string): Refusal<EnrollmentRefusalCode> {
  return new Refusal('identity-mismatch', reason);
}

/** Refused, though it is known which device asks. */
export class DeviceRefused extends Refusal<EnrollmentRefusalCode> {
  readonly device: string | undefined;

  constructor(code: EnrollmentRefusalCode, device: string | undefined, message: string) {
    super(code, message);
    this.device = device;
  }
}

/** The Digest response would do with a new nonce (RFC 7616 section 3.3, `stale`). */
export class StaleNonce extends Refusal<EnrollmentRefusalCode> {
  constructor(reason: string) {
    super('unauthenticated', reason);
  }
}

/** Too many failed authentications from one source or for one credential. */
export class TooManyFailures extends Refusal<EnrollmentRefusalCode> {
  /** Seconds. */
  readonly retryAfter: number;

  constructor(retryAfter: number) {
    super(
      'too-many-failures',
      'Too many failed authentications; wait before the next try, and check the device id and its password.',
    );
    this.retryAfter = retryAfter;
  }
}
