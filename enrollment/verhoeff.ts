/**
 * The check digit of Jacobus Verhoeff (Error Detecting Decimal Codes, 1969): computed in the dihedral group of order ten, whose
 * multiplication does not commute, so that it finds every wrong digit and every swap of neighbours.
 */

/** The product of two elements: 0 to 4 are rotations of a pentagon, 5 to 9 reflections. */
function multiply(a: number, b: number): number {
  const turn = a < 5 ? a + b : a - b;
  return ((turn + 10) % 5) + (a < 5 === b < 5 ? 0 : 5);
}

const permutation = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];

/** The permutation applied as often as the digit's place from the right says. */
function permute(digit: number, place: number): number {
  let permuted = digit;
  for (let i = 0; i < place % 8; i++) permuted = permutation[permuted] ?? 0;
  return permuted;
}

/** @param shift places that are still to come on the right */
function productOf(digits: string, shift: number): number {
  return Array.from(digits, Number).reduceRight(
    (product, digit, i) => multiply(product, permute(digit, digits.length - 1 - i + shift)),
    0,
  );
}

/** @param digits decimal digits, without a check digit */
export function checkDigitOf(digits: string): string {
  const product = productOf(digits, 1);
  // Reflections are their own inverses.
  return String(product < 5 ? (5 - product) % 5 : product);
}

/** @param digits decimal digits, the last of which is the check digit */
export function hasRightCheckDigit(digits: string): boolean {
  return productOf(digits, 0) === 0;
}
