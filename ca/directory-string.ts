import { type DerElement, latin1, tags } from './der.ts';

/** Upper bound of the challenge attributes, in characters (RFC 2985 section 5.4.1, RFC 7894 section 3). */
const longest = 255;

/**
 * Reads a DirectoryString (RFC 5280 section 4.1.2.4) in any of its choices, as attributes of requests may have any.
 * @returns undefined when it is none, is empty, or is longer than 255 characters
 */
export function readDirectoryString({ tag, content }: DerElement): string | undefined {
  const text = decode(tag, content);
  const length = text === undefined ? 0 : [...text].length;
  return length >= 1 && length <= longest ? text : undefined;
}

function decode(tag: number, content: Uint8Array): string | undefined {
  const octets = Buffer.from(content);
  switch (tag) {
    case tags.utf8String:
      return octets.toString('utf8');
    case tags.printableString:
    case tags.teletexString:
      return latin1(octets);
    case tags.bmpString:
      return octets.length % 2 === 0 ? octets.swap16().toString('utf16le') : undefined;
    case tags.universalString:
      return decodeUniversal(octets);
    default:
      return undefined;
  }
}

function decodeUniversal(octets: Buffer): string | undefined {
  if (octets.length % 4 !== 0) return undefined;
  const points = Array.from({ length: octets.length / 4 }, (_, i) => octets.readUInt32BE(4 * i));
  return points.every((point) => point <= 0x10ffff) ? String.fromCodePoint(...points) : undefined;
}
