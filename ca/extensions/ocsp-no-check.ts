import { encode, tags } from '../der.ts';
import { oid } from '../object-identifiers.ts';
import { encodeExtension } from './extension.ts';

/** id-pkix-ocsp-nocheck, not critical: NULL, though RFC 6960 section 4.2.2.2.1 leaves the value open. */
export function ocspNoCheck(): Uint8Array {
  return encodeExtension(oid['id-pkix-ocsp-nocheck'], encode(tags.null));
}
