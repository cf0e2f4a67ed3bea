/**
 * Messages as an attacker or a broken client makes them: real ones with a few octets wrong.
 */

import fc from 'fast-check';

export type Edit = (octets: Buffer) => Buffer;

/** Octets that stand for something in DER: lengths, tags, ends of ranges. */
const telling = [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x1f, 0x30, 0x31, 0x7f, 0x80, 0x81, 0x82, 0x84,
  0xa0, 0xa3, 0xff,
];
/** The same for text: what divides, quotes, escapes and ends in HTTP and base64. */
const tellingCharacters = Buffer.from('\t\n\r "%&\',/:;<=?\\{}@[]*#');

/** As much as a request body can have. */
const longest = 64 * 1024;

const places = 2 ** 20;
/**
 * A place in a message of any size, as a fraction of it; each as likely as any other, which those of fc.double are not:
 * nearly all of them are next to zero.
 */
export const place = fc.noBias(fc.nat(places - 1)).map((n) => n / places);
const at = (octets: Buffer, fraction: number) => Math.floor(fraction * octets.length);

function edits(seeds: readonly Buffer[], characters: Iterable<number>): fc.Arbitrary<Edit> {
  const octet = fc.oneof(fc.constantFrom(...characters), fc.nat(255));
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
    fc.tuple(place, fc.array(octet, { minLength: 1, maxLength: 8 })).map(
      ([where, more]): Edit =>
        (octets) => {
          const cut = at(octets, where);
          return Buffer.concat([octets.subarray(0, cut), Buffer.from(more), octets.subarray(cut)]);
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
    // A few octets again and again, which is what makes a careless pattern slow.
    fc.tuple(place, fc.integer({ min: 1, max: 8 }), fc.integer({ min: 2, max: 4000 })).map(
      ([where, length, times]): Edit =>
        (octets) => {
          const cut = at(octets, where);
          const slice = octets.subarray(cut, cut + length);
          const many = Array.from({ length: times }, () => slice);
          return Buffer.concat([octets.subarray(0, cut), ...many, octets.subarray(cut)]);
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

/** A seed after one edit or a few, each of which is the work of `list`. */
export function edited(
  seeds: readonly Buffer[],
  list: fc.Arbitrary<Edit>,
  most = 4,
): fc.Arbitrary<Buffer> {
  return fc
    .tuple(fc.constantFrom(...seeds), fc.array(list, { minLength: 1, maxLength: most }))
    .map(([seed, each]) =>
      each.reduce<Buffer>((octets, edit) => edit(octets).subarray(0, longest), seed),
    );
}

/** A message near to one of the seeds. */
export function mutated(seeds: readonly Buffer[]): fc.Arbitrary<Buffer> {
  return edited(seeds, edits(seeds, telling));
}

/** The same for what is text on the wire: a header, a path. */
export function mutatedText(seeds: readonly string[]): fc.Arbitrary<string> {
  const octets = seeds.map((seed) => Buffer.from(seed, 'latin1'));
  return edited(octets, edits(octets, tellingCharacters)).map((text) => text.toString('latin1'));
}
