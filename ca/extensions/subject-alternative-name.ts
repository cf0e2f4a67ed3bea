import { encodeGeneralNames } from '../general-names.ts';
import { oid } from '../object-identifiers.ts';
import { encodeExtension } from './extension.ts';

/** subjectAltName, not critical because our subjects are never empty (RFC 5280 section 4.2.1.6). */
export function subjectAlternativeName(names: readonly string[]): Uint8Array {
  return encodeExtension(oid.subjectAltName, encodeGeneralNames(names));
}
