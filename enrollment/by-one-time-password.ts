import type { CertificateRequest } from '../ca/certificate-request.ts';
import { Refusal } from '../ca/refusal.ts';
import { type Caller, requireActive } from './authenticator.ts';
import { hashOneTimePassword } from './one-time-password.ts';
import type { AuthenticationAttempt, OneTimePasswordStore } from './one-time-password-store.ts';
import { TooManyFailures, unauthenticated } from './refusal.ts';

/** What came in HTTP Basic (RFC 7617), and from where. */
export interface PasswordCredentials {
  readonly userName: string;
  readonly password: string;
  readonly source: string;
  readonly group?: string;
  readonly requestId: string;
}

/** Knows devices by one-time password. The password is spent later, with the intent to issue. */
export class OneTimePasswordAuthenticator {
  readonly #store: OneTimePasswordStore;
  readonly #pepper: Uint8Array;

  constructor(store: OneTimePasswordStore, pepper: Uint8Array) {
    this.#store = store;
    this.#pepper = pepper;
  }

  /** @throws Refusal unauthenticated, too-many-failures, device-blocked, tenant-suspended */
  async identify(credentials: PasswordCredentials): Promise<Caller> {
    const outcome = await this.#store.match(this.#attempt(credentials));
    switch (outcome.kind) {
      case 'paused':
        throw new TooManyFailures(outcome.retryAfter);
      case 'failed':
        throw unauthenticated(outcome.reason);
      case 'matched': {
        const { password, device, tenant, group } = outcome;
        requireActive(device, tenant);
        return {
          device,
          tenant,
          group,
          credential: { kind: 'one-time-password', id: password.id },
          ...(password.publicKeyDigest ? { spentOn: password.publicKeyDigest } : {}),
        };
      }
    }
  }

  /**
   * Reads the request of a caller. A spent password serves only to repeat the request it was spent on; with any other
   * request, well-formed or not, it is as good as unknown.
   * @throws Refusal unauthenticated, or whatever `read` throws
   */
  async readRequest(
    caller: Caller,
    credentials: PasswordCredentials,
    read: () => Promise<CertificateRequest>,
  ): Promise<CertificateRequest> {
    if (caller.spentOn === undefined) return read();
    const request = await read().catch((error: unknown) => {
      if (error instanceof Refusal) return undefined;
      throw error;
    });
    if (request?.publicKeyDigest === caller.spentOn) return request;
    const reason = `The one-time password ${caller.credential.id} is spent on another key.`;
    await this.#store.recordFailure(this.#attempt(credentials), reason);
    throw unauthenticated(reason);
  }

  #attempt({ password, ...rest }: PasswordCredentials): AuthenticationAttempt {
    return { ...rest, passwordHash: hashOneTimePassword(password, this.#pepper), at: new Date() };
  }
}
