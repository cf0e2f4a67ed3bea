import type { RequestContent } from '../ca/certificate-request.ts';
import { Refusal } from '../ca/refusal.ts';
import type { Caller } from './authenticator.ts';
import { hashOneTimePassword } from './one-time-password.ts';
import type {
  AuthenticationAttempt,
  CountedAttempt,
  OneTimePasswordStore,
  PasswordOfDevice,
} from './one-time-password-store.ts';
import { hashPairingCode, readPairingCode } from './pairing-code.ts';
import { takesOwnPassword } from './provisioning.ts';
import { TooManyFailures, unauthenticated } from './refusal.ts';

/** Under which name a password came, in whatever form, and from where. */
export type PasswordSender = Omit<CountedAttempt, 'at'>;

/** What came in HTTP Basic (RFC 7617), or in the request itself. */
export interface PasswordCredentials extends PasswordSender {
  readonly password: string;
}

/** Knows devices by one-time password, or pairing code. The password is spent later, with the intent to issue. */
export class OneTimePasswordAuthenticator {
  readonly #store: OneTimePasswordStore;
  readonly #pepper: Uint8Array;

  constructor(store: OneTimePasswordStore, pepper: Uint8Array) {
    this.#store = store;
    this.#pepper = pepper;
  }

  /** @throws Refusal unauthenticated, mistyped-code, too-many-failures */
  async identify(credentials: PasswordCredentials): Promise<Caller> {
    const outcome = await this.#store.match(this.#attemptWith(credentials));
    switch (outcome.kind) {
      case 'paused':
        throw new TooManyFailures(outcome.retryAfter);
      case 'failed':
        throw unauthenticated(outcome.reason);
      case 'matched':
        if (!isTaken(outcome)) return this.fail(credentials, notTaken(outcome));
        return callerBy(outcome);
    }
  }

  #attemptWith(credentials: PasswordCredentials): AuthenticationAttempt {
    const attempt = attemptOf(credentials);
    const { userName, password } = credentials;
    const code = readPairingCode(password);
    return code
      ? { ...attempt, passwordHash: hashPairingCode(code, userName, this.#pepper), pairing: true }
      : { ...attempt, passwordHash: hashOneTimePassword(password, this.#pepper) };
  }

  /**
   * Reads the request of a caller. A spent password serves only to repeat the request it was spent on; with any other
   * request, well-formed or not, it is as good as unknown.
   * @throws Refusal unauthenticated, or whatever `read` throws
   */
  async readRequest<Content extends RequestContent>(
    caller: Caller,
    sender: PasswordSender,
    read: () => Promise<Content>,
  ): Promise<Content> {
    if (caller.spentOn === undefined) return read();
    const request = await read().catch((error: unknown) => {
      if (error instanceof Refusal) return undefined;
      throw error;
    });
    if (request?.publicKeyDigest === caller.spentOn) return request;
    return this.fail(
      sender,
      `The one-time password ${caller.credential.id} is spent on another key.`,
    );
  }

  /** Counts a failure that shows after the password was found good. @throws Refusal unauthenticated */
  async fail(sender: PasswordSender, reason: string): Promise<never> {
    await this.#store.recordFailure(attemptOf(sender), reason);
    throw unauthenticated(reason);
  }
}

/** Whether the group of its device has such passwords. */
export function isTaken({ password, group: { settings } }: PasswordOfDevice): boolean {
  return password.kind === 'one-time-password'
    ? takesOwnPassword(settings) && settings.trust !== 'pairing'
    : settings.possession === 'pairing-code';
}

/** For the log. */
export function notTaken({ password: { id, kind }, group }: PasswordOfDevice): string {
  const what = kind === 'one-time-password' ? 'one-time password' : 'pairing code';
  return `The group ${group.label} takes no ${what}, such as ${id}.`;
}

/** The sender alone: what else was sent with the name is nobody else's affair. */
export function attemptOf({ userName, source, group, requestId }: PasswordSender): CountedAttempt {
  return { userName, source, ...(group ? { group } : {}), requestId, at: new Date() };
}

export function callerBy({ password, device, tenant, group }: PasswordOfDevice): Caller {
  return {
    device,
    tenant,
    group,
    credential: { kind: 'one-time-password', id: password.id },
    ...(password.publicKeyDigest ? { spentOn: password.publicKeyDigest } : {}),
  };
}
