import type { Caller } from './authenticator.ts';
import {
  attemptOf,
  callerBy,
  isTaken,
  notTaken,
  type PasswordSender,
} from './by-one-time-password.ts';
import { CmcSecrets } from './cmc-secret.ts';
import { makeCredentialId, makeOneTimePassword } from './one-time-password.ts';
import type { OneTimePasswordStore, SharedSecretCandidate } from './one-time-password-store.ts';
import { TooManyFailures, unauthenticated } from './refusal.ts';

/** A proof that its sender has a one-time password, without the password (RFC 5272 section 6.2.1). */
export interface SharedSecretCredentials extends PasswordSender {
  /** Whether it was made with this password; compares in constant time. */
  readonly isProofOf: (password: string) => boolean;
}

export interface SharedSecretCaller {
  readonly caller: Caller;
  /** The password itself, to verify what else was made with it. */
  readonly secret: string;
}

/** As for Digest: more candidates are not looked through, and fewer take the same time. */
const mostCandidates = 16;
const fewestCandidates = 4;

/** Knows devices by one-time password, as OneTimePasswordAuthenticator does, without being sent the password. */
export class SharedSecretAuthenticator {
  readonly #store: OneTimePasswordStore;
  readonly #secrets: CmcSecrets;
  readonly #decoy: { id: string; sealed: Uint8Array };

  constructor(store: OneTimePasswordStore, pepper: Uint8Array) {
    this.#store = store;
    this.#secrets = new CmcSecrets(pepper);
    const id = makeCredentialId();
    this.#decoy = { id, sealed: this.#secrets.make(makeOneTimePassword(), id) };
  }

  /** @throws Refusal unauthenticated, too-many-failures */
  async identify(credentials: SharedSecretCredentials): Promise<SharedSecretCaller> {
    const attempt = attemptOf(credentials);
    const outcome = await this.#store.findSharedSecrets(attempt, mostCandidates + 1);
    if (outcome.kind === 'paused') throw new TooManyFailures(outcome.retryAfter);
    const found = this.#find(outcome.candidates, credentials);
    if (typeof found === 'string') {
      await this.#store.recordFailure(attempt, found);
      throw unauthenticated(found);
    }
    return { caller: callerBy(found.candidate), secret: found.secret };
  }

  /** @returns the password that was used, or why there is none */
  #find(
    all: readonly SharedSecretCandidate[],
    { isProofOf, group }: SharedSecretCredentials,
  ): { candidate: SharedSecretCandidate; secret: string } | string {
    const candidates = all.slice(0, mostCandidates);
    let found: { candidate: SharedSecretCandidate; secret: string } | undefined;
    for (let i = 0; i < Math.max(candidates.length, fewestCandidates); i++) {
      const candidate = candidates[i];
      const secret = this.#secretOf(candidate);
      if (isProofOf(secret) && candidate?.cmcSecret) found = { candidate, secret };
    }
    if (all.length > mostCandidates)
      return `More than ${mostCandidates} one-time passwords could be meant; the identification must be the id of one.`;
    if (!found) return failureOf(candidates);
    const { password, device, group: own } = found.candidate;
    if (!own.settings.cmcSharedSecret)
      return `The group ${own.label} does not take the one-time password ${password.id} as shared secret any more.`;
    if (group !== undefined && group !== device.group)
      return `The device of the one-time password ${password.id} is not in the group ${group}.`;
    return isTaken(found.candidate) ? found : notTaken(found.candidate);
  }

  /** A candidate without a secret takes the same time as one that has it. */
  #secretOf(candidate: SharedSecretCandidate | undefined): string {
    return candidate?.cmcSecret
      ? this.#secrets.open(candidate.cmcSecret, candidate.password.id)
      : this.#secrets.open(this.#decoy.sealed, this.#decoy.id);
  }
}

function failureOf(candidates: readonly SharedSecretCandidate[]): string {
  if (candidates.length === 0)
    return 'There is no usable one-time password for the identification of the CMC message.';
  const without = candidates.find(({ cmcSecret }) => cmcSecret === undefined);
  return without
    ? `The identity proof is not verified: the one-time password ${without.password.id} was made when its group did not take passwords as shared secrets; make a new one.`
    : `The identity proof is not of the one-time password ${candidates.map(({ password }) => password.id).join(' or ')}.`;
}
