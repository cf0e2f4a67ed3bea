/**
 * The secret a device may later revoke its certificate with (RFC 7894 section 3.2), kept as a salted and keyed hash only.
 */

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

export class RevocationChallenges {
  readonly #pepper: Uint8Array;

  constructor(pepper: Uint8Array) {
    this.#pepper = pepper;
  }

  /** `salt.hash`, base64url. */
  conceal(challenge: string): string {
    const salt = randomBytes(16).toString('base64url');
    return `${salt}.${this.#hash(salt, challenge).toString('base64url')}`;
  }

  matches(challenge: string, concealed: string): boolean {
    const [salt = '', hash = ''] = concealed.split('.');
    const expected = Buffer.from(hash, 'base64url');
    const given = this.#hash(salt, challenge);
    return expected.length === given.length && timingSafeEqual(expected, given);
  }

  #hash(salt: string, challenge: string): Buffer {
    return createHmac('sha256', this.#pepper)
      .update(`revocation-challenge\n${salt}\n${challenge}`)
      .digest();
  }
}
