import assert from 'node:assert/strict';
import { generateKeyPairSync, generatePrimeSync, randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { rsaWeakness } from './rsa-weakness.ts';

const smallPrimes = Array.from({ length: 752 }, (_, n) => n).filter(
  (n) => n > 1 && Array.from({ length: n }, (_, d) => d).every((d) => d < 2 || n % d !== 0),
);

/** A random odd number of that many bits without a factor below 752. */
function randomWithoutSmallFactor(bits: number): bigint {
  for (;;) {
    const n = BigInt(`0x${randomBytes(bits / 8).toString('hex')}`) | (3n << BigInt(bits - 2)) | 1n;
    if (hasNoSmallFactor(n)) return n;
  }
}

function hasNoSmallFactor(n: bigint): boolean {
  return smallPrimes.every((p) => n % BigInt(p) !== 0n);
}

function powerMod(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let [result, b] = [1n, base % modulus];
  for (let e = exponent; e > 0n; e >>= 1n) {
    if (e & 1n) result = (result * b) % modulus;
    b = (b * b) % modulus;
  }
  return result;
}

function modulusOf(bits: number): bigint {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  const { n = '' } = publicKey.export({ format: 'jwk' });
  return BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`);
}

describe('ordinary moduli are not flagged', () => {
  test('of RSA keys', () => {
    for (let i = 0; i < 8; i++) assert.equal(rsaWeakness(modulusOf(2048)), undefined);
    assert.equal(rsaWeakness(modulusOf(4096)), undefined);
  });

  test('200 products of random numbers', () => {
    for (let i = 0; i < 200; i++) {
      const modulus = randomWithoutSmallFactor(1024) * randomWithoutSmallFactor(1024);
      assert.equal(rsaWeakness(modulus), undefined);
    }
  });
});

describe('a small factor', () => {
  for (const factor of [2, 3, 17, 353, 743, 751])
    test(String(factor), () => {
      const modulus = BigInt(factor) * randomWithoutSmallFactor(2040);
      assert.match(rsaWeakness(modulus) ?? '', /small factor/);
    });

  test('757 is not counted as small', () => {
    assert.equal(rsaWeakness(757n * randomWithoutSmallFactor(2040)), undefined);
  });
});

describe('primes that lie close together', () => {
  test('neighbouring numbers', () => {
    const p = generatePrimeSync(1024, { bigint: true });
    let q = p + 2n;
    while (!hasNoSmallFactor(q)) q += 2n;
    assert.match(rsaWeakness(p * q) ?? '', /close together/);
  });

  test('a square', () => {
    const p = generatePrimeSync(1024, { bigint: true });
    assert.match(rsaWeakness(p * p) ?? '', /close together/);
  });

  // n = a^2 - b^2 is found in round a - sqrt(n), about b^2 / 2a.
  for (const round of [1, 10, 50, 95])
    test(`found in round ${round} of Fermat's method`, () => {
      assert.match(rsaWeakness(foundInRound(round)) ?? '', /close together/);
    });

  test('beyond the rounds that are tried, nothing is found', () => {
    assert.equal(rsaWeakness(foundInRound(120)), undefined);
  });

  function foundInRound(round: number): bigint {
    for (let a = 2n * randomWithoutSmallFactor(1024); ; a += 2n) {
      const b = squareRoot(2n * a * BigInt(round)) | 1n;
      if (hasNoSmallFactor(a + b) && hasNoSmallFactor(a - b)) return (a + b) * (a - b);
    }
  }

  function squareRoot(n: bigint): bigint {
    let x = 1n << BigInt(Math.ceil(n.toString(2).length / 2));
    for (;;) {
      const next = (x + n / x) / 2n;
      if (next >= x) return x;
      x = next;
    }
  }
});

test('the generator of CVE-2017-15361: factors are k M + (65537^a mod M)', () => {
  const product = smallPrimes.filter((p) => p <= 701).reduce((m, p) => m * BigInt(p), 1n);
  const factor = () => {
    for (;;) {
      const a = BigInt(`0x${randomBytes(16).toString('hex')}`);
      const k = BigInt(`0x${randomBytes(6).toString('hex')}`);
      const candidate = k * product + powerMod(65537n, a, product);
      if (hasNoSmallFactor(candidate)) return candidate;
    }
  };
  for (let i = 0; i < 10; i++) assert.match(rsaWeakness(factor() * factor()) ?? '', /ROCA/);
});

test('4096 bits are examined in well under a second', () => {
  const modulus = randomWithoutSmallFactor(2048) * randomWithoutSmallFactor(2048);
  const start = performance.now();
  for (let i = 0; i < 20; i++) rsaWeakness(modulus);
  assert.ok(performance.now() - start < 5000);
});
