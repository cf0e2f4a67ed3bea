// @ts-check
/**
 * A code for a device to show: ten random digits and Verhoeff's check digit, 4-3-4, so that a person who types it wrongly is
 * told so. The check digit is that of the group of the symmetries of a pentagon.
 */

import { randomInt } from 'node:crypto';

const permutation = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];

/**
 * @param {number} a
 * @param {number} b
 */
function product(a, b) {
  if (a < 5) return ((a + b) % 5) + (b < 5 ? 0 : 5);
  return ((a - b + 10) % 5) + (b < 5 ? 5 : 0);
}

export function makeShownCode() {
  const digits = Array.from({ length: 10 }, () => randomInt(10));
  let check = 0;
  for (const [i, digit] of [...digits].reverse().entries()) {
    let turned = digit;
    for (let times = 0; times <= i; times++) turned = permutation[turned] ?? 0;
    check = product(check, turned);
  }
  const code = digits.join('') + (check < 5 ? (5 - check) % 5 : check);
  return `${code.slice(0, 4)}-${code.slice(4, 7)}-${code.slice(7)}`;
}
