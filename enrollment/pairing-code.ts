/**
 * Pairing codes: one-time passwords short enough to be read aloud, typed, or scanned from a label. A check digit tells a
 * mistyped code from a wrong one before any attempt is counted.
 *
 *     numeric   10 random digits and Verhoeff's check digit, shown 4-3-4; worth something for its device alone
 *     long      15 random symbols of Crockford's base32 (75 bits) and its check symbol, in groups of four
 */

import { createHmac, randomInt } from 'node:crypto';
import { Refusal } from '../ca/refusal.ts';
import {
  canonicalPassword,
  hashOneTimePassword,
  type PasswordKind,
  passwordAlphabet,
} from './one-time-password.ts';
import type { EnrollmentRefusalCode } from './refusal.ts';
import { checkDigitOf, hasRightCheckDigit } from './verhoeff.ts';

export type PairingCodeKind = Exclude<PasswordKind, 'one-time-password'>;

/** So many failed codes for a device, and codes for it are refused until it has enrolled or an operator says otherwise. */
export const mostPairingFailures = 5;

/** How long codes can be used, in seconds. */
export const pairingCodeLifetimes: Record<
  PairingCodeKind,
  { readonly usual: string; readonly longest: number }
> = {
  'numeric-pairing-code': { usual: '15m', longest: 24 * 3600 },
  'long-pairing-code': { usual: '7d', longest: 365 * 24 * 3600 },
};

/** @returns a code as people are shown it */
export function makePairingCode(kind: PairingCodeKind): string {
  return showPairingCode(kind === 'numeric-pairing-code' ? makeNumeric() : makeLong());
}

/** A code in groups: 4-3-4 digits, or 4-4-4-4 symbols. */
export function showPairingCode(code: string): string {
  const groups =
    code.length === numericLength ? /^(.{4})(.{3})(.{4})$/ : /^(.{4})(.{4})(.{4})(.{4})$/;
  return groups.exec(code)?.slice(1).join('-') ?? code;
}

/** A code as it was sent. */
export interface PairingCode {
  readonly kind: PairingCodeKind;
  /** Without hyphens and blanks. */
  readonly code: string;
}

const numericLength = 11;
const longLength = 16;

/**
 * @returns undefined where the password is no pairing code, mistyped or not
 * @throws Refusal mistyped-code when its check digit is not that of the other digits, or a digit is missing or too many
 */
export function readPairingCode(password: string): PairingCode | undefined {
  const code = canonicalPassword(password);
  if (/^[0-9]{10,12}$/.test(code)) {
    if (code.length !== numericLength)
      throw mistyped(`it has ${code.length} digits instead of ${numericLength}`);
    if (!hasRightCheckDigit(code)) throw mistyped('its check digit does not fit');
    return { kind: 'numeric-pairing-code', code };
  }
  if (code.length !== longLength || !Array.from(code).every((symbol) => symbolValue(symbol) >= 0))
    return undefined;
  if (checkSymbolOf(code.slice(0, -1)) !== code.at(-1))
    throw mistyped('its check symbol does not fit');
  return { kind: 'long-pairing-code', code };
}

function mistyped(how: string): Refusal<EnrollmentRefusalCode> {
  return new Refusal(
    'mistyped-code',
    `The pairing code is mistyped: ${how}. Read it again and repeat it; this attempt was not counted.`,
  );
}

/**
 * The form a code is stored and looked up in. A numeric code is hashed together with its device: so few digits are no
 * secret by themselves, and two devices may have the same.
 * @param device for a numeric code; empty finds none
 */
export function hashPairingCode(
  { kind, code }: PairingCode,
  device: string,
  pepper: Uint8Array,
): string {
  if (kind === 'long-pairing-code') return hashOneTimePassword(code, pepper);
  return createHmac('sha256', pepper).update(`pairing code\0${device}\0${code}`).digest('hex');
}

function makeNumeric(): string {
  const digits = String(randomInt(10 ** 10)).padStart(10, '0');
  return digits + checkDigitOf(digits);
}

/** Five of the check symbols are not in the alphabet, and awkward to type: codes that would end in one are not used. */
function makeLong(): string {
  for (;;) {
    const symbols = Array.from(
      { length: longLength - 1 },
      () => passwordAlphabet[randomInt(passwordAlphabet.length)],
    ).join('');
    const check = checkSymbolOf(symbols);
    if (check !== undefined) return symbols + check;
  }
}

function symbolValue(symbol: string): number {
  return passwordAlphabet.indexOf(symbol);
}

/** The remainder by 37, a prime larger than the alphabet: every wrong symbol and every swap of neighbours changes it. */
function checkSymbolOf(symbols: string): string | undefined {
  return passwordAlphabet[
    Array.from(symbols).reduce((rest, symbol) => (rest * 32 + symbolValue(symbol)) % 37, 0)
  ];
}
