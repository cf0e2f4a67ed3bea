/**
 * Bootstrap credentials: one secret for a batch of devices of a group, good for so many of them and for so long. Each device
 * counts once. The secret is made as one-time passwords are, shown once, and kept as a keyed hash only.
 */

import { createHmac } from 'node:crypto';
import { canonicalPassword, makeCredentialId, makeOneTimePassword } from './one-time-password.ts';

export interface BootstrapCredential {
  /** `boot-` and ten symbols: no secret; devices send it as user name. */
  readonly id: string;
  /** Label of the group whose devices it is for. */
  readonly group: string;
  /** How many devices it is for. */
  readonly quota: number;
  /** How many have used it. */
  readonly uses: number;
  readonly state: 'active' | 'revoked';
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly createdAt: Date;
  readonly createdBy: string;
  /** When the first device came that it had no place left for. */
  readonly exceededAt?: Date;
}

export type BootstrapTerms = Pick<BootstrapCredential, 'quota' | 'notBefore' | 'notAfter'>;

export const makeBootstrapSecret = makeOneTimePassword;

const idSyntax = /^boot-[0-9a-hjkmnp-tv-z]{10}$/;

/** 50 random bits, for telling credentials apart in lists and logs. */
export function makeBootstrapId(): string {
  return makeCredentialId('boot');
}

/** @returns the id that a user name is, letter case aside; undefined where it is none */
export function readBootstrapId(userName: string): string | undefined {
  const id = userName.toLowerCase();
  return idSyntax.test(id) ? id : undefined;
}

/**
 * As hashOneTimePassword, and so that neither can be taken for the other: a secret is good under its own id alone.
 * @returns hexadecimal
 */
export function hashBootstrapSecret(id: string, secret: string, pepper: Uint8Array): string {
  return createHmac('sha256', pepper)
    .update(`bootstrap credential\0${id}\0${canonicalPassword(secret)}`)
    .digest('hex');
}

export const largestQuota = 100_000;
/** Of the window, and of the time until it opens. */
export const longestDays = 366;
const dayMs = 86_400_000;

/** @throws TypeError with a sentence */
export function checkBootstrapTerms(terms: BootstrapTerms, now: Date): BootstrapTerms {
  const { quota, notBefore, notAfter } = terms;
  if (!Number.isInteger(quota) || quota < 1 || quota > largestQuota)
    throw new TypeError(`The quota must be a whole number of devices from 1 to ${largestQuota}.`);
  if (!(notBefore < notAfter) || notAfter <= now)
    throw new TypeError(
      'The window of a bootstrap credential must end after it begins and after now.',
    );
  if (notAfter.getTime() - notBefore.getTime() > longestDays * dayMs)
    throw new TypeError(
      `A bootstrap credential is open for ${longestDays} days at most: whoever learns of it can use it that long.`,
    );
  if (notBefore.getTime() - now.getTime() > longestDays * dayMs)
    throw new TypeError(
      `A bootstrap credential opens within ${longestDays} days, or is made later.`,
    );
  return terms;
}

export type BootstrapStanding = 'revoked' | 'ended' | 'used-up' | 'not-open-yet' | 'open';

/** What one can expect of it now. */
export function standingOf(credential: BootstrapCredential, at: Date): BootstrapStanding {
  if (credential.state === 'revoked') return 'revoked';
  if (credential.notAfter <= at) return 'ended';
  if (isUsedUp(credential)) return 'used-up';
  return at < credential.notBefore ? 'not-open-yet' : 'open';
}

export function isUsedUp({ uses, quota }: Pick<BootstrapCredential, 'uses' | 'quota'>): boolean {
  return uses >= quota;
}

/** @returns why it cannot be used at this time, or undefined */
export function objectionToWindow(
  { id, notBefore, notAfter }: BootstrapCredential,
  at: Date,
): string | undefined {
  if (at < notBefore)
    return `The bootstrap credential ${id} can be used from ${notBefore.toISOString()} on; here it is ${at.toISOString()}.`;
  if (at >= notAfter)
    return `The bootstrap credential ${id} could be used until ${notAfter.toISOString()}: an operator makes another one (\`bestow bootstrap create\`).`;
  return undefined;
}

/** @returns why it is good for no further device, or undefined */
export function objectionToQuota(credential: BootstrapCredential): string | undefined {
  if (!isUsedUp(credential)) return undefined;
  const { id, quota } = credential;
  return `The bootstrap credential ${id} is used up: it was for ${quota} device(s), and so many have enrolled. An operator makes another one (\`bestow bootstrap create\`), once it is clear that no stranger was among them (\`bestow bootstrap show ${id}\`).`;
}
