/**
 * One-time passwords: made here, shown once, kept as a keyed hash only.
 * 140 random bits in 28 symbols of Crockford's base32, in groups of four; case, hyphens and blanks do not count,
 * and O, I and L are read as the digits they are mistaken for.
 */

import { createHmac, randomBytes } from 'node:crypto';

/** A pairing code is a one-time password that people can type (pairing-code.ts). */
export type PasswordKind = 'one-time-password' | 'numeric-pairing-code' | 'long-pairing-code';

export interface OneTimePassword {
  /** Credential id: no secret; a device may send it as user name instead of its own id. */
  readonly id: string;
  readonly kind: PasswordKind;
  readonly device: string;
  readonly state: 'unused' | 'spent' | 'revoked';
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly spentAt?: Date;
  /** SHA-256 of the public key it was spent on, hexadecimal: only that key may repeat the request. */
  readonly publicKeyDigest?: string;
}

/** Crockford's base32. */
export const passwordAlphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const symbols = 28;

export function makeOneTimePassword(): string {
  const text = Array.from(randomBytes(symbols), (octet) => passwordAlphabet[octet & 31]).join('');
  return (text.match(/.{4}/g) ?? []).join('-');
}

/** A credential id: 50 random bits, for telling passwords apart in lists and logs. */
export function makeCredentialId(prefix = 'otp'): string {
  return `${prefix}-${Array.from(randomBytes(10), (octet) => passwordAlphabet[octet & 31]).join('')}`.toLowerCase();
}

/**
 * The form a password is stored and looked up in: HMAC-SHA-256 under a key kept apart from the database, hexadecimal.
 * Whoever reads the database cannot test guesses; whoever sends guesses cannot steer what they compare equal to, so
 * that looking the hash up in an index tells nothing by its timing.
 */
export function hashOneTimePassword(password: string, pepper: Uint8Array): string {
  return createHmac('sha256', pepper).update(canonicalPassword(password)).digest('hex');
}

/** A password as it was made, of one as it was typed: without hyphens and blanks, in upper case, O, I and L read as digits. */
export function canonicalPassword(password: string): string {
  return password
    .toUpperCase()
    .replaceAll(/[\s-]/g, '')
    .replaceAll('O', '0')
    .replaceAll(/[IL]/g, '1');
}
