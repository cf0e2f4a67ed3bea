/** Pieces of DER for structures that are wrong in one place. */

import { encode, encodeOid, tags } from '../../ca/der.ts';

export const sequence = (...parts: Uint8Array[]) => encode(tags.sequence, ...parts);
export const set = (...parts: Uint8Array[]) => encode(tags.set, ...parts);
export const octets = (...parts: Uint8Array[]) => encode(tags.octetString, ...parts);
/** A BIT STRING: the count of unused bits, and the bits. */
export const bits = (...content: number[]) => encode(tags.bitString, Uint8Array.from(content));
export const integer = (...content: number[]) => encode(tags.integer, Uint8Array.from(content));
export const enumerated = (...content: number[]) => encode(0x0a, Uint8Array.from(content));
export const text = (tag: number, value: string) => encode(tag, Buffer.from(value));
export const algorithm = (dotted: string, ...parameters: Uint8Array[]) =>
  sequence(encodeOid(dotted), ...parameters);
export const yes = encode(tags.boolean, Uint8Array.of(0xff));
export const no = encode(tags.boolean, Uint8Array.of(0));
/** @param critical `yes`, the default `no` written out, or nothing */
export const extension = (dotted: string, value: Uint8Array, ...critical: Uint8Array[]) =>
  sequence(encodeOid(dotted), ...critical, octets(value));
/** GeneralName. */
export const uri = (value: string) => text(0x86, value);
