import type { Device } from './device.ts';
import type { Group } from './group.ts';
import type { OneTimePassword, PasswordKind } from './one-time-password.ts';
import type { Tenant } from './tenant.ts';

/** An attempt to authenticate, as far as failures are counted by it. */
export interface CountedAttempt {
  /** Device id, credential id, or empty for a password alone. */
  readonly userName: string;
  /** Where it comes from: an IPv4 address, or an IPv6 /64 prefix. */
  readonly source: string;
  /** Label of the group whose path was called; a device of another group fails there. */
  readonly group?: string;
  readonly at: Date;
  readonly requestId: string;
}

export interface AuthenticationAttempt extends CountedAttempt {
  /** See hashOneTimePassword and hashPairingCode. */
  readonly passwordHash: string;
  /** What was sent is a pairing code, whether or not there is such a one: its failures are counted for the device besides. */
  readonly pairing?: boolean;
}

/** How many failures within the window lead to a pause. */
export interface FailureLimits {
  readonly perCredentialAndSource: number;
  readonly perCredential: number;
  readonly perSource: number;
  readonly windowSeconds: number;
}

/** A password with the device it is for. */
export interface PasswordOfDevice {
  readonly password: OneTimePassword;
  readonly device: Device;
  readonly tenant: Tenant;
  readonly group: Group;
}

export type AttemptOutcome =
  | ({ readonly kind: 'matched' } & PasswordOfDevice)
  /** The reason is for the log alone. */
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'paused'; readonly retryAfter: number };

/** A password that a Digest response (RFC 7616) may have been made with. */
export interface DigestCandidate extends PasswordOfDevice {
  /** See DigestSecrets; absent when the group did not offer Digest when the password was made. */
  readonly digestSecret?: Uint8Array;
}

export type DigestOutcome =
  | { readonly kind: 'candidates'; readonly candidates: readonly DigestCandidate[] }
  | { readonly kind: 'paused'; readonly retryAfter: number };

/** A password that an identity proof of CMC may have been made with. */
export interface SharedSecretCandidate extends PasswordOfDevice {
  /** See CmcSecrets; absent when the group did not take passwords as shared secrets when it was made. */
  readonly cmcSecret?: Uint8Array;
}

export type SharedSecretOutcome =
  | { readonly kind: 'candidates'; readonly candidates: readonly SharedSecretCandidate[] }
  | { readonly kind: 'paused'; readonly retryAfter: number };

export interface NewOneTimePassword {
  readonly id: string;
  /** A one-time password, when left out. */
  readonly kind?: PasswordKind;
  readonly device: string;
  readonly passwordHash: string;
  /** See DigestSecrets. */
  readonly digestSecret?: Uint8Array;
  /** See CmcSecrets. */
  readonly cmcSecret?: Uint8Array;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly by: string;
}

/** Port. storage/ implements it. */
export interface OneTimePasswordStore {
  /** A new pairing code takes the place of the unused ones of its device, which are revoked. */
  create(password: NewOneTimePassword): Promise<void>;
  list(filter: { device?: string; limit: number }): Promise<OneTimePassword[]>;
  /** @returns what it is now, or undefined if there is none with that id; a spent one stays spent */
  revoke(id: string, by: string, at: Date): Promise<OneTimePassword | undefined>;
  /**
   * Finds the password that was sent, unused or spent, not expired nor revoked, of the device named.
   * A failure is counted before the answer; a success writes nothing: the password is spent with the intent. Attempts
   * with pairing codes are judged one after the other, so that as many as are sent at once, no more are judged than are allowed.
   */
  match(attempt: AuthenticationAttempt): Promise<AttemptOutcome>;
  /**
   * Finds the passwords, unused or spent, not expired nor revoked, that the user name may mean; without one, all that
   * have a digest secret. Nothing is counted: whether one of them was used is for the caller to see.
   * @param limit no more than this many are looked for
   */
  findDigestCandidates(attempt: CountedAttempt, limit: number): Promise<DigestOutcome>;
  /** The same for an identity proof of CMC, which always says whose password it was made with. */
  findSharedSecrets(attempt: CountedAttempt, limit: number): Promise<SharedSecretOutcome>;
  /** Seconds before an attempt is looked at, or undefined: for proofs that no password is behind. */
  pauseOf(attempt: CountedAttempt): Promise<number | undefined>;
  /** Counts a failure found by others: a spent password used with another key, a wrong Digest response. */
  recordFailure(attempt: CountedAttempt, reason: string): Promise<void>;
  /**
   * How many pairing codes failed for a device: those sent for it while it had an unused one. New codes and time change
   * nothing in it; it ends when the device spends a password. From mostPairingFailures on, its codes are refused.
   */
  pairingFailures(device: string): Promise<number>;
  /** Starts the count anew. */
  forgetPairingFailures(device: string, by: string, at: Date): Promise<void>;
}
