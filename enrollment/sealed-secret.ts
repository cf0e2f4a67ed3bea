/**
 * Secrets that have to be read again, unlike a password that is only compared: kept encrypted under keys that are made
 * from the pepper, so that who has the database alone has nothing.
 */

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

/**
 * A key of 32 octets for one purpose (HKDF with SHA-256, RFC 5869).
 * @param context names the purpose; keys of different contexts tell nothing of each other
 */
export function deriveKey(pepper: Uint8Array, context: string): Buffer {
  return Buffer.from(hkdfSync('sha256', pepper, '', `bestow ${context}`, 32));
}

const algorithm = 'aes-256-gcm';
const nonceLength = 12;
const tagLength = 16;

/**
 * AES-256-GCM (NIST SP 800-38D) with a random nonce: nonce, ciphertext and tag, in this order. A sealed secret belongs
 * to its owner: moved to another row of the database it does not open.
 */
export class SecretSeal {
  readonly #key: Uint8Array;

  /** @param context as for deriveKey */
  constructor(pepper: Uint8Array, context: string) {
    this.#key = deriveKey(pepper, context);
  }

  /** @param owner what the secret is of, such as a credential id */
  seal(secret: Uint8Array, owner: string): Buffer {
    const nonce = randomBytes(nonceLength);
    const cipher = createCipheriv(algorithm, this.#key, nonce, { authTagLength: tagLength });
    cipher.setAAD(Buffer.from(owner));
    return Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
  }

  /** @throws Error when it was changed, is another owner's, or was sealed under another pepper or context */
  open(sealed: Uint8Array, owner: string): Buffer {
    const nonce = sealed.subarray(0, nonceLength);
    const decipher = createDecipheriv(algorithm, this.#key, nonce, { authTagLength: tagLength });
    decipher.setAAD(Buffer.from(owner));
    decipher.setAuthTag(sealed.subarray(-tagLength));
    const ciphertext = sealed.subarray(nonceLength, -tagLength);
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  }
}
