/**
 * What is kept of a one-time password so that a Digest response to it can be verified (RFC 7616): H(A1), the digest of
 * user name, realm and password. Whoever has it can answer challenges as if he had the password, so it is kept sealed.
 */

import { hash } from 'node:crypto';
import { SecretSeal } from './sealed-secret.ts';

/** RFC 7616 section 3.7, most preferred first; MD5 for clients that know nothing else. */
export const digestAlgorithms = ['SHA-256', 'MD5'] as const;
export type DigestAlgorithm = (typeof digestAlgorithms)[number];

/** The one protection space of the server (RFC 9110 section 11.5); it is part of every H(A1). */
export const realm = 'EST';

const hashes = { 'SHA-256': 'sha256', MD5: 'md5' } as const;
export const digestLengths = { 'SHA-256': 32, MD5: 16 } as const;

/** H(data) of RFC 7616 section 3.3, hexadecimal. */
export function digestOf(algorithm: DigestAlgorithm, data: string): string {
  return hash(hashes[algorithm], data, 'hex');
}

/** What a client may send as user name: the device id, the credential id, or nothing. */
const userNameForms = ['device', 'credential', 'none'] as const;
export type UserNameForm = (typeof userNameForms)[number];

export interface PasswordOwner {
  /** Credential id. */
  readonly id: string;
  readonly device: string;
}

type Digests = Record<DigestAlgorithm, Record<UserNameForm, string[]>>;

export class DigestSecrets {
  readonly #seal: SecretSeal;

  constructor(pepper: Uint8Array) {
    this.#seal = new SecretSeal(pepper, 'digest secret');
  }

  /**
   * Everything the client may have hashed: Digest leaves no way to read a password kindly afterwards, so it counts as
   * it is shown, or without the hyphens.
   * @returns sealed, for the row of the password
   */
  make(password: string, owner: PasswordOwner): Buffer {
    const userNames = { device: owner.device, credential: owner.id, none: '' };
    const ways = [password, password.replaceAll('-', '')];
    const entries = digestAlgorithms.map((algorithm) => [
      algorithm,
      Object.fromEntries(
        userNameForms.map((form) => [
          form,
          ways.map((way) => digestOf(algorithm, `${userNames[form]}:${realm}:${way}`)),
        ]),
      ),
    ]);
    return this.#seal.seal(Buffer.from(JSON.stringify(Object.fromEntries(entries))), owner.id);
  }

  /**
   * H(A1) for one form of user name, hexadecimal, one for each way to write the password.
   * @param id credential id
   * @throws Error when it was not sealed here for this password
   */
  open(sealed: Uint8Array, id: string, algorithm: DigestAlgorithm, form: UserNameForm): string[] {
    const digests: Digests = JSON.parse(this.#seal.open(sealed, id).toString());
    return digests[algorithm][form];
  }
}
