import { encode, tags } from '../der.ts';
import { oid } from '../object-identifiers.ts';
import { encodeExtension } from './extension.ts';

/** noRevAvail, not critical: NULL. Nobody is to look for the status of this certificate (RFC 9608 section 2). */
export function noRevocationAvailable(): Uint8Array {
  return encodeExtension(oid.noRevAvail, encode(tags.null));
}
