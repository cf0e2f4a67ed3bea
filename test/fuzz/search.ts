/**
 * Looks for a message that breaks a property until the time is over.
 */

import fc from 'fast-check';

/** For all searches of all files together: a minute by default, as long as wanted by hand (`npm run fuzz`). */
const seconds = Number(process.env.FUZZ_SECONDS ?? 60);
/** What fast-check printed with a finding: begins the same search again. */
const seed = process.env.FUZZ_SEED === undefined ? undefined : Number(process.env.FUZZ_SEED);

/** A share of all the time, in milliseconds. */
export const timeFor = (share: number): number => seconds * share * 1000;

/**
 * The first message found is shrunk, and printed with the seed.
 * @param share of all the time that there is for fuzzing
 * @returns how many were tried
 */
export async function search<Message>(
  messages: fc.Arbitrary<Message>,
  holds: (message: Message) => Promise<void>,
  share: number,
): Promise<number> {
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(messages, async (message) => {
      runs++;
      await holds(message);
    }),
    {
      numRuns: Number.MAX_SAFE_INTEGER,
      interruptAfterTimeLimit: timeFor(share),
      markInterruptAsFailure: false,
      ...(seed === undefined ? {} : { seed }),
    },
  );
  return runs;
}
