/**
 * RSA moduli that can be factored by anyone: a small factor, two primes close together (Fermat's method), and the
 * keys of CVE-2017-15361 (ROCA), whose primes are powers of 65537 modulo many small primes.
 */

function primesBelow(limit: number): number[] {
  const primes: number[] = [];
  for (let n = 2; n < limit; n++) if (primes.every((p) => n % p !== 0)) primes.push(n);
  return primes;
}

const smallPrimes = primesBelow(752);
const smallPrimesProduct = smallPrimes.reduce((product, p) => product * BigInt(p), 1n);

/** For each prime that ROCA's generator uses, the residues that powers of 65537 reach. */
const rocaResidues = primesBelow(168)
  .filter((p) => p > 2)
  .map((p) => {
    const residues = new Set<number>();
    for (let power = 1; !residues.has(power); power = (power * 65537) % p) residues.add(power);
    return { prime: BigInt(p), residues };
  });

const fermatRounds = 100;

/** What is wrong with an RSA modulus, or undefined. Takes well under a millisecond for 4096 bits. */
export function rsaWeakness(modulus: bigint): string | undefined {
  if (greatestCommonDivisor(modulus % smallPrimesProduct, smallPrimesProduct) !== 1n)
    return 'its modulus has a small factor';
  if (rocaResidues.every(({ prime, residues }) => residues.has(Number(modulus % prime))))
    return 'it was made by the generator of CVE-2017-15361 (ROCA)';
  if (hasClosePrimes(modulus)) return 'its primes lie close together';
  return undefined;
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

function hasClosePrimes(modulus: bigint): boolean {
  let a = squareRoot(modulus);
  if (a * a < modulus) a += 1n;
  let remainder = a * a - modulus;
  for (let round = 0; round < fermatRounds; round++) {
    if (isSquare(remainder)) return true;
    remainder += 2n * a + 1n;
    a += 1n;
  }
  return false;
}

function isSquare(n: bigint): boolean {
  // Squares end in 0, 1, 4 or 9 in base 16: three candidates of four need no square root.
  const low = Number(n & 15n);
  if (low !== 0 && low !== 1 && low !== 4 && low !== 9) return false;
  const root = squareRoot(n);
  return root * root === n;
}

/** Newton's method, from above. */
function squareRoot(n: bigint): bigint {
  if (n < 2n) return n;
  let x = 1n << BigInt(Math.ceil(n.toString(16).length / 2) * 4);
  for (;;) {
    const next = (x + n / x) >> 1n;
    if (next >= x) return x;
    x = next;
  }
}
