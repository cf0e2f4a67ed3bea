import type { BootstrapCredential } from './bootstrap-credential.ts';
import type { Group } from './group.ts';
import type { CountedAttempt } from './one-time-password-store.ts';

export interface NewBootstrapCredential
  extends Pick<
    BootstrapCredential,
    'id' | 'group' | 'quota' | 'notBefore' | 'notAfter' | 'createdAt'
  > {
  /** See hashBootstrapSecret. */
  readonly secretHash: string;
  readonly by: string;
}

/** Its user name is the id of a credential. */
export interface BootstrapAttempt extends CountedAttempt {
  /** See hashBootstrapSecret. */
  readonly secretHash: string;
}

export type BootstrapOutcome =
  | {
      readonly kind: 'matched';
      readonly credential: BootstrapCredential;
      readonly group: Group;
    }
  /** The reason is for the log alone. */
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'paused'; readonly retryAfter: number };

/** A device that used a credential, and the key it first did so with. */
export interface BootstrapUse {
  readonly device: string;
  /** SHA-256 of the SubjectPublicKeyInfo, hexadecimal. */
  readonly publicKeyDigest: string;
  readonly at: Date;
}

/** Port. storage/ implements it. A use is counted with the intent to issue (IssuanceLedger.recordIntent). */
export interface BootstrapCredentialStore {
  /** @returns why it is not made, or undefined once it is */
  create(credential: NewBootstrapCredential): Promise<string | undefined>;
  find(id: string): Promise<BootstrapCredential | undefined>;
  /** Newest first. */
  list(filter: { group?: string; limit: number }): Promise<BootstrapCredential[]>;
  /** Newest first. */
  uses(id: string, limit: number): Promise<BootstrapUse[]>;
  /** What it brought stays valid. @returns what it is now, or undefined if there is none with that id */
  revoke(id: string, by: string, at: Date): Promise<BootstrapCredential | undefined>;
  /**
   * Finds the credential whose secret was sent, unless it is revoked or another group's than that whose path was called, or
   * its group takes none. A failure is counted before the answer, by the same counters as those of one-time passwords; a
   * success writes nothing. Whether its window is open is for the caller to see.
   */
  match(attempt: BootstrapAttempt): Promise<BootstrapOutcome>;
}
