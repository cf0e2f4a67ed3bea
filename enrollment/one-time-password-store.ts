import type { Device } from './device.ts';
import type { Group } from './group.ts';
import type { OneTimePassword } from './one-time-password.ts';
import type { Tenant } from './tenant.ts';

export interface AuthenticationAttempt {
  /** Device id, credential id, or empty for a password alone. */
  readonly userName: string;
  /** See hashOneTimePassword. */
  readonly passwordHash: string;
  /** Where it comes from: an IPv4 address, or an IPv6 /64 prefix. */
  readonly source: string;
  /** Label of the group whose path was called; a device of another group fails there. */
  readonly group?: string;
  readonly at: Date;
  readonly requestId: string;
}

/** How many failures within the window lead to a pause. */
export interface FailureLimits {
  readonly perCredentialAndSource: number;
  readonly perCredential: number;
  readonly perSource: number;
  readonly windowSeconds: number;
}

export type AttemptOutcome =
  | {
      readonly kind: 'matched';
      readonly password: OneTimePassword;
      readonly device: Device;
      readonly tenant: Tenant;
      readonly group: Group;
    }
  /** The reason is for the log alone. */
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'paused'; readonly retryAfter: number };

export interface NewOneTimePassword {
  readonly id: string;
  readonly device: string;
  readonly passwordHash: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly by: string;
}

/** Port. storage/ implements it. */
export interface OneTimePasswordStore {
  create(password: NewOneTimePassword): Promise<void>;
  list(filter: { device?: string; limit: number }): Promise<OneTimePassword[]>;
  /** @returns what it is now, or undefined if there is none with that id; a spent one stays spent */
  revoke(id: string, by: string, at: Date): Promise<OneTimePassword | undefined>;
  /**
   * Finds the password that was sent, unused or spent, not expired nor revoked, of the device named.
   * A failure is counted before the answer; a success writes nothing: the password is spent with the intent.
   */
  match(attempt: AuthenticationAttempt): Promise<AttemptOutcome>;
  /** Counts a failure found after `match`: a spent password used with another key. */
  recordFailure(attempt: AuthenticationAttempt, reason: string): Promise<void>;
}
