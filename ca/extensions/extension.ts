import { encode, tags } from '../der.ts';

const critical = encode(tags.boolean, Uint8Array.of(0xff));

/**
 * One Extension (RFC 5280 section 4.1), DER. `critical` is left out where it is FALSE, its default.
 * @param type the extension's object identifier, DER
 * @param value the extension's own DER
 */
export function encodeExtension(
  type: Uint8Array,
  value: Uint8Array,
  options: { critical?: boolean } = {},
): Uint8Array {
  const wrapped = encode(tags.octetString, value);
  return options.critical
    ? encode(tags.sequence, type, critical, wrapped)
    : encode(tags.sequence, type, wrapped);
}
