/**
 * A one-time password as the shared secret of CMC (RFC 5272 section 6.2): a proof by it is a MAC, which only who has the
 * password itself can verify. It is kept sealed, and only for groups that ask for it.
 */

import { SecretSeal } from './sealed-secret.ts';

export class CmcSecrets {
  readonly #seal: SecretSeal;

  constructor(pepper: Uint8Array) {
    this.#seal = new SecretSeal(pepper, 'one-time-password/cmc');
  }

  /**
   * @param password as it is shown: a MAC leaves no way to read it kindly afterwards
   * @param id credential id
   * @returns sealed, for the row of the password
   */
  make(password: string, id: string): Buffer {
    return this.#seal.seal(Buffer.from(password), id);
  }

  /** @throws Error when it was not sealed here for this password */
  open(sealed: Uint8Array, id: string): string {
    return this.#seal.open(sealed, id).toString();
  }
}
