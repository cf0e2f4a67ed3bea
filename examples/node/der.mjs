// @ts-check
/** As much of DER (X.690) as a device needs: requests are written in it, certificates read. */

/** @typedef {{ tag: number, bytes: Buffer, content: Buffer }} Element */

export const tags = {
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  sequence: 0x30,
  set: 0x31,
};

/**
 * @param {number} tag
 * @param {...Uint8Array} parts
 */
export function encode(tag, ...parts) {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const octets = Buffer.from(length.toString(16).padStart(length < 0x100 ? 2 : 4, '0'), 'hex');
  return Buffer.concat([Buffer.of(tag, 0x80 | octets.length), octets, content]);
}

/** @param {string} dotted arcs of any size */
export function encodeOid(dotted) {
  const [first = 0n, second = 0n, ...rest] = dotted.split('.').map(BigInt);
  const octets = [first * 40n + second, ...rest].flatMap((arc) => {
    const groups = [Number(arc & 0x7fn)];
    for (let left = arc >> 7n; left > 0n; left >>= 7n) groups.unshift(Number(left & 0x7fn) | 0x80);
    return groups;
  });
  return encode(tags.oid, Buffer.from(octets));
}

/**
 * The element at the beginning.
 * @param {Buffer} bytes
 * @returns {Element}
 */
export function read(bytes) {
  const [tag, length = 0] = bytes;
  const size = length < 0x80 ? 0 : length & 0x7f;
  if (tag === undefined || length === 0x80 || size > 4 || bytes.length < 2 + size)
    throw new Error('The answer is not DER.');
  const start = 2 + size;
  const end = start + (size === 0 ? length : bytes.readUIntBE(2, size));
  if (end > bytes.length) throw new Error('The answer is cut off.');
  return { tag, bytes: bytes.subarray(0, end), content: bytes.subarray(start, end) };
}

/**
 * The elements within one.
 * @param {Element} element
 */
export function children({ content }) {
  /** @type {Element[]} */
  const found = [];
  for (let at = 0; at < content.length; ) {
    const element = read(content.subarray(at));
    found.push(element);
    at += element.bytes.length;
  }
  return found;
}
