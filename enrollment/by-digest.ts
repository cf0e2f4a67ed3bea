import { timingSafeEqual } from 'node:crypto';
import type { Caller } from './authenticator.ts';
import {
  attemptOf,
  callerBy,
  isTaken,
  notTaken,
  type PasswordSender,
} from './by-one-time-password.ts';
import type { DigestNonces, NonceUse } from './digest-nonces.ts';
import {
  type DigestAlgorithm,
  DigestSecrets,
  digestLengths,
  digestOf,
  type UserNameForm,
} from './digest-secret.ts';
import { makeCredentialId, makeOneTimePassword } from './one-time-password.ts';
import type { DigestCandidate, OneTimePasswordStore } from './one-time-password-store.ts';
import { StaleNonce, TooManyFailures, unauthenticated } from './refusal.ts';

/** What came in HTTP Digest (RFC 7616), and from where; the nonce is one of ours and in time. */
export interface DigestCredentials extends PasswordSender {
  readonly algorithm: DigestAlgorithm;
  /** Octets. */
  readonly response: Uint8Array;
  /** What the response is a digest of, keyed with H(A1): nonce, nc, cnonce, qop and H(A2), joined by colons. */
  readonly data: string;
  readonly nonceUse: NonceUse;
}

/** More than this many passwords that could be meant are not looked through, and a user name must say which. */
const mostCandidates = 16;
/** So many are looked at in any case, so that the time does not tell how many passwords a device has. */
const fewestCandidates = 4;

/** Knows devices by one-time password, as OneTimePasswordAuthenticator does, without seeing the password. */
export class DigestAuthenticator {
  readonly #store: OneTimePasswordStore;
  readonly #nonces: DigestNonces;
  readonly #secrets: DigestSecrets;
  readonly #decoy: { id: string; sealed: Uint8Array };

  constructor(store: OneTimePasswordStore, nonces: DigestNonces, pepper: Uint8Array) {
    this.#store = store;
    this.#nonces = nonces;
    this.#secrets = new DigestSecrets(pepper);
    const owner = { id: makeCredentialId(), device: '' };
    this.#decoy = { id: owner.id, sealed: this.#secrets.make(makeOneTimePassword(), owner) };
  }

  /** @throws Refusal unauthenticated, StaleNonce, too-many-failures */
  async identify(credentials: DigestCredentials): Promise<Caller> {
    const { nonceUse } = credentials;
    const attempt = attemptOf(credentials);
    const outcome = await this.#store.findDigestCandidates(attempt, mostCandidates + 1);
    if (outcome.kind === 'paused') throw new TooManyFailures(outcome.retryAfter);
    const found = this.#find(outcome.candidates, credentials);
    if (typeof found === 'string') {
      await this.#store.recordFailure(attempt, found);
      throw unauthenticated(found);
    }
    if (!(await this.#nonces.claim(nonceUse, attempt.at))) {
      const reason = `The Digest response repeats an earlier one: its nonce was used with nc ${nonceUse.count} or higher.`;
      await this.#store.recordFailure(attempt, reason);
      throw new StaleNonce(reason);
    }
    return callerBy(found);
  }

  /** @returns the password that was used, or why there is none */
  #find(all: readonly DigestCandidate[], credentials: DigestCredentials): DigestCandidate | string {
    const candidates = all.slice(0, mostCandidates);
    let found: DigestCandidate | undefined;
    for (let i = 0; i < Math.max(candidates.length, fewestCandidates); i++)
      if (this.#verify(candidates[i], credentials)) found = candidates[i];
    if (all.length > mostCandidates)
      return `More than ${mostCandidates} one-time passwords could be meant; the user name must be the id of one.`;
    if (!found) return failureOf(candidates);
    const { password, device } = found;
    if (credentials.group !== undefined && credentials.group !== device.group)
      return `The device of the one-time password ${password.id} is not in the group ${credentials.group}.`;
    return isTaken(found) ? found : notTaken(found);
  }

  /** A candidate that cannot be verified takes the same time as one that can, and is none. */
  #verify(candidate: DigestCandidate | undefined, credentials: DigestCredentials): boolean {
    const { userName, algorithm, data, response } = credentials;
    const sealed = candidate?.digestSecret;
    const secrets =
      candidate && sealed
        ? this.#secrets.open(sealed, candidate.password.id, algorithm, formOf(userName, candidate))
        : this.#secrets.open(this.#decoy.sealed, this.#decoy.id, algorithm, 'none');
    let same = false;
    for (const secret of secrets) {
      const expected = Buffer.from(digestOf(algorithm, `${secret}:${data}`), 'hex');
      const equal = response.length === digestLengths[algorithm];
      if (equal && timingSafeEqual(expected, response)) same = true;
    }
    return same && sealed !== undefined;
  }
}

function formOf(userName: string, { device }: DigestCandidate): UserNameForm {
  if (userName === '') return 'none';
  return userName === device.id ? 'device' : 'credential';
}

function failureOf(candidates: readonly DigestCandidate[]): string {
  if (candidates.length === 0)
    return 'There is no usable one-time password for the user name of the Digest response.';
  const without = candidates.find(({ digestSecret }) => digestSecret === undefined);
  return without
    ? `The Digest response is not verified: the one-time password ${without.password.id} was made when its group did not offer Digest; make a new one.`
    : `The Digest response is not of the one-time password ${candidates.map(({ password }) => password.id).join(' or ')}.`;
}
