/**
 * Body part identifiers (RFC 5272 section 3.2.2): the names that the parts of a message have for one another.
 */

import { type DerElement, encode, tags } from '../../../ca/der.ts';
import { malformed } from '../../../ca/refusal.ts';

/** INTEGER (0..4294967295). */
export type BodyPartId = number;

/** Stands for the whole message. */
export const wholeMessage: BodyPartId = 0;

const largest = 0xffffffff;

/** The part's own identifier, which 0 cannot be. @throws Refusal malformed-request */
export function readBodyPartId(element: DerElement | undefined): BodyPartId {
  const id = readReference(element);
  if (id === wholeMessage)
    throw malformed(
      'A part of the CMC message has the bodyPartID 0, which means the whole message.',
    );
  return id;
}

/** A reference to a part, or with 0 to the message. @throws Refusal malformed-request */
export function readReference(element: DerElement | undefined): BodyPartId {
  const { length } = element?.content ?? [];
  if (element?.tag !== tags.integer || length > 5 || (element.content[0] ?? 0x80) >= 0x80)
    throw malformed('A bodyPartID is not a number from 0 to 4294967295 (RFC 5272 section 3.2.2).');
  const id = Buffer.from(element.content).readUIntBE(0, length);
  if (id > largest)
    throw malformed('A bodyPartID is not a number from 0 to 4294967295 (RFC 5272 section 3.2.2).');
  return id;
}

/** BodyPartList or BodyPartPath. @throws Refusal malformed-request */
export function readReferences(element: DerElement): BodyPartId[] {
  const { tag, children } = element;
  if (tag !== tags.sequence || children.length === 0)
    throw malformed('A list of bodyPartIDs is empty or malformed (RFC 5272 section 3.2.2).');
  return children.map(readReference);
}

/** BodyPartReference: one identifier, or a path of them through the layers of a message. @throws Refusal malformed-request */
export function readPath(element: DerElement): BodyPartId[] {
  return element.tag === tags.integer ? [readReference(element)] : readReferences(element);
}

/** INTEGER, DER, of a number that is not negative. */
export function encodeInteger(value: number): Uint8Array {
  const digits = value.toString(16);
  const octets = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  return (octets[0] ?? 0) < 0x80
    ? encode(tags.integer, octets)
    : encode(tags.integer, Uint8Array.of(0), octets);
}
