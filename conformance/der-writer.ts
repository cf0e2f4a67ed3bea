/** Writes the little ASN.1 that requests and certificates need. It does not judge: odd requests are its purpose. */
export function tlv(tag: number, ...contents: Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthOf(body), body]);
}

function lengthOf(body: Buffer): Buffer {
  if (body.length < 0x80) return Buffer.from([body.length]);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(body.length);
  const significant = bytes.subarray(bytes.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.from([0x80 | significant.length]), significant]);
}

export const sequence = (...contents: Buffer[]) => tlv(0x30, ...contents);
export const setOf = (...contents: Buffer[]) => tlv(0x31, ...contents.sort(Buffer.compare));
export const octetString = (...contents: Buffer[]) => tlv(0x04, ...contents);
export const bitString = (bits: Buffer, unused = 0) => tlv(0x03, Buffer.from([unused]), bits);
export const utf8String = (text: string) => tlv(0x0c, Buffer.from(text));
export const printableString = (text: string) => tlv(0x13, Buffer.from(text, 'latin1'));
export const nullValue = () => tlv(0x05);
export const booleanTrue = () => tlv(0x01, Buffer.from([0xff]));
export const explicit = (number: number, ...contents: Buffer[]) => tlv(0xa0 | number, ...contents);

/** A non-negative INTEGER from its big-endian bytes. */
export function integer(magnitude: Buffer | number): Buffer {
  const bytes = typeof magnitude === 'number' ? Buffer.from([magnitude]) : magnitude;
  const positive = (bytes[0] ?? 0) >= 0x80 ? [Buffer.from([0])] : [];
  return tlv(0x02, ...positive, bytes);
}

export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
      groups.unshift((left % 128) | 0x80);
    }
    return groups;
  });
  return tlv(0x06, Buffer.from(bytes));
}

/** UTCTime to 2049 and GeneralizedTime from 2050 (RFC 5280 section 4.1.2.5). */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, '');
  return date.getUTCFullYear() < 2050
    ? tlv(0x17, Buffer.from(digits.slice(2)))
    : tlv(0x18, Buffer.from(digits));
}
