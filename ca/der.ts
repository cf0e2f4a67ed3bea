/**
 * Strict DER (X.690 sections 8, 10 and 11), read before any other parser sees the bytes.
 * Common ASN.1 parsers accept trailing bytes, padded lengths and indefinite forms, and so disagree about what was
 * signed. Here one sequence of octets has one meaning, and whatever else it could have meant is an error.
 */

export class DerError extends Error {
  override readonly name = 'DerError';
}

export interface DerElement {
  /** Identifier octet: class, constructed bit and tag number (always below 31). */
  readonly tag: number;
  /** The element as it stands, with identifier and length. */
  readonly bytes: Uint8Array;
  readonly content: Uint8Array;
  /** The elements inside, if the encoding is constructed. */
  readonly children: readonly DerElement[];
}

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

const maxDepth = 24;
const maxElements = 2000;

/** Reads exactly one element that fills the input. @throws DerError */
export function readDer(input: Uint8Array): DerElement {
  const budget = { elements: maxElements };
  const [element, end] = readElement(input, 0, input.length, 0, budget);
  if (end !== input.length) throw new DerError(`${input.length - end} bytes follow the end`);
  return element;
}

function readElement(
  input: Uint8Array,
  start: number,
  limit: number,
  depth: number,
  budget: { elements: number },
): [DerElement, number] {
  if (depth > maxDepth) throw new DerError(`nested deeper than ${maxDepth} levels`);
  if (--budget.elements < 0) throw new DerError(`more than ${maxElements} elements`);
  const tag = octetAt(input, start, limit);
  if ((tag & 0x1f) === 0x1f) throw new DerError('tag numbers above 30 are not used here');
  const [length, contentStart] = readLength(input, start + 1, limit);
  const end = contentStart + length;
  if (end > limit) throw new DerError('a length points beyond the end');
  const content = input.subarray(contentStart, end);
  const children: DerElement[] = [];
  if (tag & 0x20) {
    for (let at = contentStart; at < end; ) {
      const [child, next] = readElement(input, at, end, depth + 1, budget);
      children.push(child);
      at = next;
    }
  }
  checkUniversal(tag, content);
  return [{ tag, bytes: input.subarray(start, end), content, children }, end];
}

function octetAt(input: Uint8Array, at: number, limit: number): number {
  const octet = at < limit ? input[at] : undefined;
  if (octet === undefined) throw new DerError('it ends too early');
  return octet;
}

/** X.690 section 10.1: definite form, in the fewest octets. */
function readLength(input: Uint8Array, at: number, limit: number, most = 3): [number, number] {
  const first = octetAt(input, at, limit);
  if (first < 0x80) return [first, at + 1];
  const octets = first & 0x7f;
  if (octets === 0) throw new DerError('indefinite length is not DER');
  if (octets > most) throw new DerError('a length is larger than any request');
  let length = 0;
  for (let i = 1; i <= octets; i++) length = length * 256 + octetAt(input, at + i, limit);
  if (length < 0x80 || length < 256 ** (octets - 1)) throw new DerError('a length is not minimal');
  return [length, at + 1 + octets];
}

/**
 * Walks over the elements that stand one after another in `content`, without looking into them: for lists longer than
 * `readDer` takes at once, up to 4 GiB. What is yielded counts as read when `readDer` has taken its `bytes`.
 * @throws DerError
 */
export function* elementsIn(
  content: Uint8Array,
): Generator<Pick<DerElement, 'tag' | 'bytes' | 'content'>> {
  for (let at = 0; at < content.length; ) {
    const tag = octetAt(content, at, content.length);
    const [length, start] = readLength(content, at + 1, content.length, 4);
    const end = start + length;
    if (end > content.length) throw new DerError('a length points beyond the end');
    yield { tag, bytes: content.subarray(at, end), content: content.subarray(start, end) };
    at = end;
  }
}

const printable = /^[A-Za-z0-9 '()+,\-./:=?]*$/;
const ia5 = /^[\x00-\x7f]*$/;
const utcTime = /^\d{12}Z$/;
const generalizedTime = /^\d{14}Z$/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The rules of each universal type that a lenient parser would overlook. */
const universalTypes = new Map<number, [name: string, holds: (content: Uint8Array) => boolean]>([
  [
    tags.boolean,
    ['BOOLEAN', ({ length, 0: value }) => length === 1 && (value === 0 || value === 0xff)],
  ],
  [tags.integer, ['INTEGER', isMinimalInteger]],
  [tags.bitString, ['BIT STRING', isBitString]],
  [tags.null, ['NULL', ({ length }) => length === 0]],
  [tags.oid, ['OBJECT IDENTIFIER', isOid]],
  [tags.utf8String, ['UTF8String', isUtf8]],
  [tags.printableString, ['PrintableString', (content) => printable.test(latin1(content))]],
  [tags.ia5String, ['IA5String', (content) => ia5.test(latin1(content))]],
  [tags.utcTime, ['UTCTime', (content) => utcTime.test(latin1(content))]],
  [tags.generalizedTime, ['GeneralizedTime', (content) => generalizedTime.test(latin1(content))]],
]);

function checkUniversal(tag: number, content: Uint8Array): void {
  if (tag & 0xc0) return;
  const constructed = (tag & 0x20) !== 0;
  const number = tag & 0x1f;
  if (number === 0) throw new DerError('universal type 0 only ends an indefinite length');
  if (constructed !== (number === 0x10 || number === 0x11))
    throw new DerError(`universal type ${number} in the wrong form`);
  const [name, holds] = universalTypes.get(tag) ?? [];
  if (holds && !holds(content)) throw new DerError(`malformed ${name}`);
}

function isMinimalInteger(content: Uint8Array): boolean {
  const [first, second] = content;
  if (first === undefined) return false;
  if (second === undefined) return true;
  return !(first === 0 && second < 0x80) && !(first === 0xff && second >= 0x80);
}

function isBitString(content: Uint8Array): boolean {
  const unused = content[0];
  if (unused === undefined || unused > 7) return false;
  if (content.length === 1) return unused === 0;
  return ((content.at(-1) ?? 0) & ((1 << unused) - 1)) === 0;
}

function isOid(content: Uint8Array): boolean {
  if (content.length === 0 || (content.at(-1) ?? 0x80) >= 0x80) return false;
  // An arc that begins with 0x80 carries a leading zero.
  return content.every((octet, i) => octet !== 0x80 || (content[i - 1] ?? 0) >= 0x80);
}

function isUtf8(content: Uint8Array): boolean {
  try {
    utf8.decode(content);
    return true;
  } catch {
    return false;
  }
}

export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** Identifier and length of an element whose content is elsewhere; up to 4 GiB of it. */
export function encodeHead(tag: number, length: number): Uint8Array {
  if (length >= 2 ** 32) throw new RangeError(`An element of ${length} octets is too large.`);
  if (length < 0x1000000) return Uint8Array.from(headOf(tag, length));
  return Uint8Array.of(tag, 0x84, length >>> 24, length >>> 16, length >>> 8, length);
}

function headOf(tag: number, length: number): number[] {
  if (length < 0x80) return [tag, length];
  if (length < 0x100) return [tag, 0x81, length];
  if (length < 0x10000) return [tag, 0x82, length >> 8, length & 0xff];
  if (length < 0x1000000)
    return [tag, 0x83, (length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff];
  throw new RangeError(`An element of ${length} octets is larger than any structure here.`);
}

/** Encodes one element around the parts that form its content. */
export function encode(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const head = headOf(tag, length);
  const out = new Uint8Array(head.length + length);
  out.set(head);
  let at = head.length;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Encodes an object identifier; arcs may have any size (X.667 arcs have 128 bits). */
export function encodeOid(dotted: string): Uint8Array {
  const arcs = dotted.split('.').map((arc) => BigInt(arc));
  const [first = 0n, second = 0n, ...rest] = arcs;
  const octets: number[] = [];
  for (const arc of [first * 40n + second, ...rest]) {
    const groups = [Number(arc & 0x7fn)];
    for (let value = arc >> 7n; value > 0n; value >>= 7n)
      groups.unshift(Number(value & 0x7fn) | 0x80);
    octets.push(...groups);
  }
  return encode(tags.oid, Uint8Array.from(octets));
}

/** Encodes a BIT STRING whose bits fill whole octets. */
export function encodeBitString(octets: Uint8Array): Uint8Array {
  return encode(tags.bitString, Uint8Array.of(0), octets);
}

/** UTCTime through 2049, GeneralizedTime after; whole seconds, Z (RFC 5280 section 4.1.2.5). */
export function encodeTime(time: Date): Uint8Array {
  return time.getUTCFullYear() < 2050
    ? encode(tags.utcTime, Buffer.from(digitsOf(time).slice(2), 'latin1'))
    : encodeGeneralizedTime(time);
}

/** GeneralizedTime in any year, unlike in certificates; whole seconds, Z (RFC 5280 section 5.3.2, RFC 9919 section 3.2.4). */
export function encodeGeneralizedTime(time: Date): Uint8Array {
  return encode(tags.generalizedTime, Buffer.from(digitsOf(time), 'latin1'));
}

/** YYYYMMDDHHMMSSZ. */
function digitsOf(time: Date): string {
  return `${time.toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
