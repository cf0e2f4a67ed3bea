/** One DER element. Constructed elements have children; `encoded` is the whole of it, header included. */
export interface Element {
  readonly tag: number;
  readonly contents: Buffer;
  readonly encoded: Buffer;
  readonly children: readonly Element[];
}

export class NotDer extends Error {
  override readonly name = 'NotDer';
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Reads exactly one element and refuses whatever X.690 sections 10 and 11 do not allow a DER sender. */
export function parseDer(bytes: Buffer): Element {
  const element = parseBer(bytes);
  const check = (each: Element) => {
    checkHeader(each, each.encoded.byteOffset - bytes.byteOffset);
    checkContents(each, each.encoded.byteOffset - bytes.byteOffset);
    each.children.forEach(check);
  };
  check(element);
  return element;
}

/** Reads exactly one element without judging its encoding, so that one fault there does not hide all else. */
export function parseBer(bytes: Buffer): Element {
  const element = readElement(bytes, 0, 0);
  if (element.encoded.length !== bytes.length) {
    throw new NotDer(`${bytes.length - element.encoded.length} bytes follow the element`);
  }
  return element;
}

function readElement(bytes: Buffer, start: number, depth: number): Element {
  if (depth > 64) throw new NotDer(`nested deeper than 64 levels at offset ${start}`);
  const tag = bytes[start];
  if (tag === undefined) throw new NotDer(`no tag at offset ${start}`);
  if ((tag & 0x1f) === 0x1f) throw new NotDer(`multi-byte tag at offset ${start}`);
  const { length, contentsStart } = readLength(bytes, start + 1);
  const limit = length === undefined ? bytes.length : contentsStart + length;
  if (limit > bytes.length) throw new NotDer(`element at offset ${start} is cut off`);
  const children: Element[] = [];
  let end = limit;
  if ((tag & 0x20) !== 0) {
    let offset = contentsStart;
    while (offset < limit && !(length === undefined && bytes.readUInt16BE(offset) === 0)) {
      const child = readElement(bytes.subarray(0, limit), offset, depth + 1);
      children.push(child);
      offset += child.encoded.length;
    }
    end = offset;
  }
  const contents = bytes.subarray(contentsStart, end);
  const marker = length === undefined ? 2 : 0;
  return { tag, contents, encoded: bytes.subarray(start, end + marker), children };
}

/** An undefined length is the indefinite one of BER. */
function readLength(
  bytes: Buffer,
  offset: number,
): { length: number | undefined; contentsStart: number } {
  const first = bytes[offset];
  if (first === undefined) throw new NotDer(`no length at offset ${offset}`);
  if (first < 0x80) return { length: first, contentsStart: offset + 1 };
  if (first === 0x80) return { length: undefined, contentsStart: offset + 1 };
  const size = first & 0x7f;
  if (size > 4 || offset + 1 + size > bytes.length) {
    throw new NotDer(`impossible length at offset ${offset}`);
  }
  return { length: bytes.readUIntBE(offset + 1, size), contentsStart: offset + 1 + size };
}

function checkHeader({ encoded, contents }: Element, offset: number): void {
  const first = encoded[1] ?? 0;
  if (first === 0x80) throw new NotDer(`indefinite length at offset ${offset}`);
  if (first > 0x80 && (contents.length < 0x80 || encoded[2] === 0)) {
    throw new NotDer(`length not in its shortest form at offset ${offset}`);
  }
}

function checkContents(element: Element, offset: number): void {
  const { tag, contents, children } = element;
  const [first, second] = contents;
  const fault = (what: string): never => {
    throw new NotDer(`${what} at offset ${offset}`);
  };
  if (tag === TAG.boolean && (contents.length !== 1 || (first !== 0 && first !== 0xff))) {
    fault('BOOLEAN that is neither 00 nor FF');
  }
  if (tag === TAG.integer) {
    if (first === undefined) fault('empty INTEGER');
    const padded = first === 0 ? (second ?? 0xff) < 0x80 : first === 0xff && (second ?? 0) >= 0x80;
    if (contents.length > 1 && padded) fault('INTEGER not in its shortest form');
  }
  if (tag === TAG.bitString) checkBitString(contents, fault);
  if (tag === TAG.objectIdentifier) {
    const startsArc = (index: number) => index === 0 || (contents[index - 1] ?? 0) < 0x80;
    const padded = contents.some((byte, index) => byte === 0x80 && startsArc(index));
    if (contents.length === 0 || padded) fault('OBJECT IDENTIFIER not in its shortest form');
  }
  if (tag === TAG.set) {
    const encodings = children.map((child) => child.encoded);
    const sorted = encodings.every((value, index) => {
      const before = encodings[index - 1];
      return before === undefined || Buffer.compare(before, value) <= 0;
    });
    if (!sorted) fault('SET OF not in ascending order');
  }
  if (tag === 0x24 || tag === 0x23) fault('string in constructed form');
  checkExtension(element, fault);
}

function checkBitString(contents: Buffer, fault: (what: string) => never): void {
  const unused = contents[0];
  const last = contents.at(-1) ?? 0;
  if (unused === undefined || unused > 7 || (contents.length === 1 && unused !== 0)) {
    fault('BIT STRING with an impossible count of unused bits');
  } else if (contents.length > 1 && (last & ((1 << unused) - 1)) !== 0) {
    fault('BIT STRING whose unused bits are not zero');
  }
}

const KEY_USAGE = '551d0f';
const BASIC_CONSTRAINTS = '551d13';

/** An Extension is known by its shape: OBJECT IDENTIFIER, perhaps BOOLEAN, OCTET STRING (RFC 5280 section 4.1). */
function checkExtension(element: Element, fault: (what: string) => never): void {
  const { tag, children } = element;
  const [name, middle] = children;
  const value = children.at(-1);
  if (tag !== TAG.sequence || name?.tag !== TAG.objectIdentifier) return;
  if (value?.tag !== TAG.octetString || children.length > 3) return;
  if (children.length === 3 && middle?.tag !== TAG.boolean) return;
  if (children.length === 3 && middle?.contents[0] === 0) fault('critical FALSE written out');
  const extensionName = name.contents.toString('hex');
  if (extensionName.startsWith('551d') || extensionName.startsWith('2b06010505070')) {
    const inner = parseDer(value.contents);
    if (extensionName === BASIC_CONSTRAINTS && inner.children[0]?.contents[0] === 0) {
      fault('cA FALSE written out');
    }
    if (extensionName === KEY_USAGE) {
      const unused = inner.contents[0] ?? 0;
      if (((inner.contents.at(-1) ?? 0) & (1 << unused)) === 0) {
        fault('keyUsage with trailing zero bits');
      }
    }
  }
}

/** Every element of the tree, outermost first. */
export function* walk(element: Element): Generator<Element> {
  yield element;
  for (const child of element.children) yield* walk(child);
}
