/** Times in place, without an object for each: a CRL has one for each of its entries. */

import { tags } from '../der.ts';

const zero = 0x30;
const letterZ = 0x5a;
const daysIn = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** UTCTime through 2049 and GeneralizedTime after, seconds and Z (RFC 5280 section 4.1.2.5), and a day that exists. */
export function isTime(octets: Uint8Array, tag: number, start: number, end: number): boolean {
  if (tag === tags.generalizedTime)
    return isGeneralizedTime(octets, start, end) && yearAt(octets, start) >= 2050;
  if (tag !== tags.utcTime || end - start !== 13) return false;
  const year = numberAt(octets, start);
  return isMoment(octets, year < 50 ? 2000 + year : 1900 + year, start + 2);
}

/** GeneralizedTime with seconds and Z and no fraction, in any year (RFC 5280 section 5.3.2, RFC 9919 section 3.2.4). */
export function isGeneralizedTime(octets: Uint8Array, start: number, end: number): boolean {
  return end - start === 15 && isMoment(octets, yearAt(octets, start), start + 4);
}

function yearAt(octets: Uint8Array, at: number): number {
  return numberAt(octets, at) * 100 + numberAt(octets, at + 2);
}

/** MMDDHHMMSSZ. Comparisons with NaN, from what is no digit, are false. */
function isMoment(octets: Uint8Array, year: number, at: number): boolean {
  const month = numberAt(octets, at);
  const day = numberAt(octets, at + 2);
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = (daysIn[month - 1] ?? 0) + (leap ? 1 : 0);
  return (
    year >= 0 &&
    day >= 1 &&
    day <= days &&
    numberAt(octets, at + 4) <= 23 &&
    numberAt(octets, at + 6) <= 59 &&
    numberAt(octets, at + 8) <= 59 &&
    octets[at + 10] === letterZ
  );
}

/** Two decimal digits; NaN where they are none. */
function numberAt(octets: Uint8Array, at: number): number {
  const tens = (octets[at] ?? 0) - zero;
  const ones = (octets[at + 1] ?? 0) - zero;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}
