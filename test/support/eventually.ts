import { setTimeout as pause } from 'node:timers/promises';

type Falsy = false | 0 | '' | null | undefined;

/**
 * Waits until `condition` returns something true, or until it stops throwing and does; then
 * returns that.
 * @param options.timeout milliseconds, 10,000 by default
 * @throws Error with the last error as its cause when the time is over
 */
export async function eventually<T>(
  condition: () => T | Promise<T>,
  options: { timeout?: number; what?: string } = {},
): Promise<Exclude<T, Falsy>> {
  const { timeout = 10_000, what = 'the condition' } = options;
  const end = performance.now() + timeout;
  let cause: unknown;
  do {
    try {
      const result = await condition();
      if (result) return result as Exclude<T, Falsy>;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await pause(20);
  } while (performance.now() < end);
  throw new Error(`${what} did not come true within ${timeout} ms`, { cause });
}
