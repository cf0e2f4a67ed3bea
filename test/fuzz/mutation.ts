/**
 * Messages as an attacker or a broken client makes them: real ones with a few things wrong.
 */

import fc from 'fast-check';

type Edit = (octets: Buffer) => Buffer;

/** Octets that stand for something in DER: lengths, tags, ends of ranges. */
const telling = [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x1f, 0x30, 0x31, 0x7f, 0x80, 0x81, 0x82, 0x84,
  0xa0, 0xa3, 0xff,
];

const octet = fc.oneof(fc.constantFrom(...telling), fc.nat(255));
/** A place in a message of any size, as a fraction of it. */
const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const at = (octets: Buffer, fraction: number) => Math.floor(fraction * octets.length);

function edits(seeds: readonly Buffer[]): fc.Arbitrary<Edit> {
  return fc.oneof(
    fc.tuple(place, octet).map(
      ([where, value]): Edit =>
        (octets) => {
          const changed = Buffer.from(octets);
          if (changed.length > 0) changed[at(octets, where)] = value;
          return changed;
        },
    ),
    fc.tuple(place, fc.nat(7)).map(
      ([where, bit]): Edit =>
        (octets) => {
          const changed = Buffer.from(octets);
          if (changed.length > 0)
            changed[at(octets, where)] = (octets[at(octets, where)] ?? 0) ^ (1 << bit);
          return changed;
        },
    ),
    fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 8 })).map(
      ([where, more]): Edit =>
        (octets) => {
          const cut = at(octets, where);
          return Buffer.concat([octets.subarray(0, cut), more, octets.subarray(cut)]);
        },
    ),
    fc.tuple(place, fc.integer({ min: 1, max: 64 })).map(
      ([where, length]): Edit =>
        (octets) => {
          const cut = at(octets, where);
          return Buffer.concat([octets.subarray(0, cut), octets.subarray(cut + length)]);
        },
    ),
    fc.tuple(place, place, fc.integer({ min: 1, max: 64 })).map(
      ([from, to, length]): Edit =>
        (octets) => {
          const slice = octets.subarray(at(octets, from), at(octets, from) + length);
          const cut = at(octets, to);
          return Buffer.concat([octets.subarray(0, cut), slice, octets.subarray(cut)]);
        },
    ),
    fc.tuple(fc.constantFrom(...seeds), place, place).map(
      ([other, from, to]): Edit =>
        (octets) => {
          const cut = at(octets, to);
          return Buffer.concat([octets.subarray(0, cut), other.subarray(at(other, from))]);
        },
    ),
    place.map(
      (where): Edit =>
        (octets) =>
          octets.subarray(0, at(octets, where)),
    ),
  );
}

/** A message near to one of the seeds. */
export function mutated(seeds: readonly Buffer[]): fc.Arbitrary<Buffer> {
  return fc
    .tuple(fc.constantFrom(...seeds), fc.array(edits(seeds), { minLength: 1, maxLength: 4 }))
    .map(([seed, list]) => list.reduce((octets, edit) => edit(octets), seed));
}

/** How long to look: a few seconds by default, as long as wanted by hand. */
export const seconds = Number(process.env.FUZZ_SECONDS ?? 5);

/**
 * Looks for a message that breaks a property until the time is over; the first found is shrunk and printed with the seed
 * that finds it again.
 */
export async function search(
  messages: fc.Arbitrary<Buffer>,
  holds: (message: Buffer) => Promise<void>,
  share = 1,
): Promise<number> {
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(messages, async (message) => {
      runs++;
      await holds(message);
    }),
    {
      numRuns: Number.MAX_SAFE_INTEGER,
      interruptAfterTimeLimit: seconds * share * 1000,
      markInterruptAsFailure: false,
    },
  );
  return runs;
}
