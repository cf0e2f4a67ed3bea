import { encode, tags } from '../der.ts';
import { oid } from '../object-identifiers.ts';
import { encodeExtension } from './extension.ts';

/** Bits of RFC 5280 section 4.2.1.3 that our profiles assert, by position. */
const positions = {
  digitalSignature: 0,
  nonRepudiation: 1,
  keyEncipherment: 2,
  dataEncipherment: 3,
  keyAgreement: 4,
  keyCertSign: 5,
  cRLSign: 6,
} as const;
export type KeyUsage = keyof typeof positions;
export const keyUsages = Object.keys(positions) as KeyUsage[];

/** keyUsage, critical (RFC 5280 section 4.2.1.3). Trailing zero bits are cut, as X.690 section 11.2.2 asks. */
export function keyUsage(usages: readonly KeyUsage[]): Uint8Array {
  let bits = 0;
  for (const usage of usages) bits |= 0x80 >> positions[usage];
  let unused = 0;
  while (unused < 7 && !(bits & (1 << unused))) unused++;
  const value = encode(tags.bitString, Uint8Array.of(unused, bits));
  return encodeExtension(oid.keyUsage, value, { critical: true });
}
