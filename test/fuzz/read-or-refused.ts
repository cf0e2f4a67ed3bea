import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type DerElement, DerError, readDer } from '../../ca/der.ts';
import { malformed, Refusal } from '../../ca/refusal.ts';
import { CmcFailure } from '../../server/est/cmc/cmc-failure.ts';
import { restructured } from './der-mutation.ts';
import { mutated } from './mutation.ts';
import { search, timeFor } from './search.ts';

/** What a parser that is asked by name may throw; everything else of a message is a fault, and answered 500. */
type Kind = abstract new (...parts: never[]) => Error;

/** An attacker pays for a message what it costs to send it; no parser may make it dear. Milliseconds of a processor. */
const dear = 1000;

interface Parser<Message = never> {
  readonly messages: fc.Arbitrary<Message>;
  /** Reads a message, verifies what can be verified, and throws what the parser throws. */
  read(message: Message): unknown;
  readonly mayThrow: readonly Kind[];
}

/**
 * A parser with what it is to read.
 * @param mayThrow what it says of a message that it does not take; a Refusal, unless it is told
 */
export const parser = <Message>(
  messages: fc.Arbitrary<Message>,
  read: (message: Message) => unknown,
  mayThrow: readonly Kind[] = [Refusal],
): Parser => ({ messages, read, mayThrow }) as unknown as Parser;

/** For parsers that are given an element: what is no DER does not come to them. @throws Refusal */
export function elementOf(message: Uint8Array): DerElement {
  try {
    return readDer(message);
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw malformed('This is not DER.', { cause });
  }
}

/** DER that is wrong in its octets, or in its elements. */
export const nearTo = (seeds: readonly Buffer[]): fc.Arbitrary<Buffer> =>
  fc.oneof(mutated(seeds), restructured(seeds));

/**
 * Tests that each message is read or refused, in little time.
 * @param share of all the time for fuzzing, divided among the parsers
 */
export function readOrRefused(parsers: Readonly<Record<string, Parser>>, share: number): void {
  const each = share / Object.keys(parsers).length;
  for (const [name, { messages, ...how }] of Object.entries(parsers))
    test(`${name} are read or refused`, { timeout: timeFor(each) + 60_000 }, async (t) => {
      const runs = await search(
        messages,
        async (message) => {
          const before = process.cpuUsage();
          await readOrRefuse(how, message);
          const { user, system } = process.cpuUsage(before);
          assert.ok(user + system < dear * 1000, `it took ${(user + system) / 1000} ms`);
        },
        each,
      );
      assert.ok(runs > 20, `only ${runs} messages were tried`);
      t.diagnostic(`${runs} messages`);
    });
}

async function readOrRefuse(
  { read, mayThrow }: Omit<Parser, 'messages'>,
  message: never,
): Promise<void> {
  try {
    await read(message);
  } catch (error) {
    const cause = error instanceof CmcFailure ? error.cause : error;
    if (!mayThrow.some((kind) => cause instanceof kind)) throw cause;
  }
}
