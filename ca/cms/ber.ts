/**
 * The BER in which others may wrap a CMS message (RFC 5652 section 2, X.690 section 8): lengths of any form, and octet
 * strings in segments. Only the wrapping is read here. What was signed keeps its octets and is read as strict DER, so
 * nothing is re-encoded, and nothing that a signature covers can change its meaning on the way.
 */

import { type DerElement, DerError, readDer, tags } from '../der.ts';
import { malformed } from '../refusal.ts';

export interface BerElement {
  /** Identifier octet: class, constructed bit and tag number (always below 31). */
  readonly tag: number;
  /** The element as it stands: identifier, length, content and, where the length is indefinite, its end. */
  readonly bytes: Uint8Array;
  readonly content: Uint8Array;
  /** The elements inside, if the encoding is constructed. */
  readonly children: readonly BerElement[];
}

const maxDepth = 24;
const maxElements = 4000;
const constructed = 0x20;
const constructedOctetString = tags.octetString | constructed;

interface Reader {
  readonly input: Uint8Array;
  elements: number;
}

/**
 * Reads exactly one element that fills the input.
 * @param input a message whose size the caller has bounded
 * @throws Refusal malformed-request
 */
export function readBer(input: Uint8Array): BerElement {
  const reader = { input, elements: 0 };
  const [element, end] = readElement(reader, 0, input.length, 0);
  if (end !== input.length) throw notBer(`${input.length - end} bytes follow the end`);
  return element;
}

function notBer(what: string): Error {
  return malformed(`The CMS message is not well-formed: ${what}.`);
}

function readElement(
  reader: Reader,
  start: number,
  limit: number,
  depth: number,
): [element: BerElement, end: number] {
  if (depth > maxDepth) throw notBer(`nested deeper than ${maxDepth} levels`);
  if (++reader.elements > maxElements) throw notBer(`more than ${maxElements} elements`);
  const tag = octetAt(reader, start, limit);
  if ((tag & 0x1f) === 0x1f) throw notBer('tag numbers above 30 are not used here');
  if (tag === 0) throw notBer('an end-of-contents without a beginning');
  const [length, contentStart] = readLength(reader, start + 1, limit);
  if (length === 'indefinite' && !(tag & constructed))
    throw notBer('a primitive element of indefinite length');
  const contentLimit = length === 'indefinite' ? limit : contentStart + length;
  if (contentLimit > limit) throw notBer('a length points beyond the end');
  const children: BerElement[] = [];
  let at = contentStart;
  if (tag & constructed) {
    const ended = () =>
      length === 'indefinite' ? octetAt(reader, at, limit) === 0 : at === contentLimit;
    while (!ended()) {
      const [child, next] = readElement(reader, at, contentLimit, depth + 1);
      children.push(child);
      at = next;
    }
  } else at = contentLimit;
  const end = length === 'indefinite' ? endOfContents(reader, at, limit) : at;
  const { input } = reader;
  const content = input.subarray(contentStart, at);
  return [{ tag, bytes: input.subarray(start, end), content, children }, end];
}

/** Two zero octets (X.690 section 8.1.5). */
function endOfContents(reader: Reader, at: number, limit: number): number {
  if (octetAt(reader, at + 1, limit) !== 0) throw notBer('a malformed end-of-contents');
  return at + 2;
}

function octetAt({ input }: Reader, at: number, limit: number): number {
  const octet = at < limit ? input[at] : undefined;
  if (octet === undefined) throw notBer('it ends too early');
  return octet;
}

/** X.690 section 8.1.3: short, long in any number of octets that a message can need, or indefinite. */
function readLength(
  reader: Reader,
  at: number,
  limit: number,
): [length: number | 'indefinite', contentStart: number] {
  const first = octetAt(reader, at, limit);
  if (first < 0x80) return [first, at + 1];
  if (first === 0x80) return ['indefinite', at + 1];
  const octets = first & 0x7f;
  if (octets > 8) throw notBer('a length of more than eight octets');
  let length = 0;
  for (let i = 1; i <= octets; i++) length = length * 256 + octetAt(reader, at + i, limit);
  return [length, at + 1 + octets];
}

/**
 * The octets of an OCTET STRING, whole or in segments (X.690 section 8.7), as one string.
 * @throws Refusal malformed-request when the element is no OCTET STRING
 */
export function octetsOf(element: BerElement): Uint8Array {
  if (element.tag === tags.octetString) return element.content;
  return Buffer.concat(segmentsOf(element));
}

function segmentsOf(element: BerElement): Uint8Array[] {
  if (element.tag === tags.octetString) return [element.content];
  if (element.tag !== constructedOctetString) throw notBer('an OCTET STRING was expected');
  return element.children.flatMap(segmentsOf);
}

/** The element as strict DER, which it must be as it stands. @throws Refusal malformed-request */
export function derOf(element: BerElement): DerElement {
  try {
    return readDer(element.bytes);
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw malformed(`A part of the CMS message is not DER: ${cause.message}.`, { cause });
  }
}
