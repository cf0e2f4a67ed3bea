/** When a delivery that failed is tried again: about three days altogether, then it is given up. */

const seconds = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400] as const;

export const mostAttempts = seconds.length + 1;

/** A fifth more or less, so that what failed together does not come back together. */
const jitter = 0.2;

/**
 * @param attempts that were made, all in vain
 * @returns undefined after the last
 */
export function nextAttempt(
  attempts: number,
  now: Date,
  random: () => number = Math.random,
): Date | undefined {
  const pause = seconds[attempts - 1];
  if (pause === undefined) return undefined;
  return new Date(now.getTime() + pause * 1000 * (1 + jitter * (2 * random() - 1)));
}

/** Milliseconds without any attempt after so many failures in a row: a receiver that is down is not asked for each event. */
export function restAfter(failures: number): number {
  return Math.min(1000 * 2 ** (failures - 1), 60_000);
}
