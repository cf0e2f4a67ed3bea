import { Refusal } from '../ca/refusal.ts';
import type { Caller } from './authenticator.ts';
import {
  type BootstrapCredential,
  hashBootstrapSecret,
  objectionToWindow,
} from './bootstrap-credential.ts';
import type { BootstrapCredentialStore } from './bootstrap-credential-store.ts';
import { attemptOf, type PasswordCredentials } from './by-one-time-password.ts';
import type { KeyCredentials, RequestKeyAuthenticator } from './by-request-key.ts';
import type { Group } from './group.ts';
import { type EnrollmentRefusalCode, TooManyFailures, unauthenticated } from './refusal.ts';

/** A credential that was shown, and the group it is for. */
export interface ShownBootstrapCredential {
  readonly credential: BootstrapCredential;
  readonly group: Group;
}

/**
 * Knows devices by a secret that others have as well, and by their key. The secret shows that a device is wanted; it is the
 * key that tells one from another. A use is counted later, with the intent to issue.
 */
export class BootstrapCredentialAuthenticator {
  readonly #store: Pick<BootstrapCredentialStore, 'match'>;
  readonly #requestKey: Pick<RequestKeyAuthenticator, 'identify'>;
  readonly #pepper: Uint8Array;

  constructor(
    store: Pick<BootstrapCredentialStore, 'match'>,
    requestKey: Pick<RequestKeyAuthenticator, 'identify'>,
    pepper: Uint8Array,
  ) {
    this.#store = store;
    this.#requestKey = requestKey;
    this.#pepper = pepper;
  }

  /**
   * Who has the secret is no stranger and hears why it is of no use now.
   * @param credentials the user name is the id of a credential
   * @throws Refusal unauthenticated, too-many-failures, bootstrap-window-closed
   */
  async verify(credentials: PasswordCredentials): Promise<ShownBootstrapCredential> {
    const attempt = attemptOf(credentials);
    const { userName, password } = credentials;
    const secretHash = hashBootstrapSecret(userName, password, this.#pepper);
    const outcome = await this.#store.match({ ...attempt, secretHash });
    switch (outcome.kind) {
      case 'paused':
        throw new TooManyFailures(outcome.retryAfter);
      case 'failed':
        throw unauthenticated(outcome.reason);
      case 'matched': {
        const closed = objectionToWindow(outcome.credential, attempt.at);
        if (closed) throw new Refusal<EnrollmentRefusalCode>('bootstrap-window-closed', closed);
        return outcome;
      }
    }
  }

  /** @throws Refusal identity-mismatch, first-key-mismatch, device-blocked, tenant-suspended */
  identify(
    { credential, group }: ShownBootstrapCredential,
    key: Omit<KeyCredentials, 'group'>,
  ): Promise<Caller> {
    return this.#requestKey.identify(
      { ...key, group },
      { kind: 'bootstrap-credential', id: credential.id },
    );
  }
}
