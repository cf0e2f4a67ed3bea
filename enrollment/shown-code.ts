/**
 * Codes that devices make and show themselves, and that an operator types to confirm them. They have the form of pairing
 * codes, so that a check digit catches what is mistyped; what is kept of one is a keyed hash that is bound to the device's key.
 */

import { createHmac } from 'node:crypto';
import { Refusal } from '../ca/refusal.ts';
import { readPairingCode } from './pairing-code.ts';
import type { EnrollmentRefusalCode } from './refusal.ts';

export class ShownCodes {
  readonly #pepper: Uint8Array;

  constructor(pepper: Uint8Array) {
    this.#pepper = pepper;
  }

  /**
   * The form in which a code is stored and compared. With another key the same code is another.
   * @param publicKeyDigest SHA-256 of the SubjectPublicKeyInfo, hexadecimal
   * @throws Refusal mistyped-code where it is none, or its check digit is not that of the other digits
   */
  conceal(text: string, publicKeyDigest: string): string {
    const code = readPairingCode(text)?.code;
    if (code === undefined)
      throw new Refusal<EnrollmentRefusalCode>(
        'mistyped-code',
        'The code is not of the form that devices show: 11 digits with a check digit (4-3-4), or 16 symbols with a check symbol (4-4-4-4).',
      );
    return createHmac('sha256', this.#pepper)
      .update(`shown code\0${publicKeyDigest}\0${code}`)
      .digest('hex');
  }
}
