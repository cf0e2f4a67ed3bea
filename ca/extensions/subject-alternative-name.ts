import { encodeGeneralNames } from '../general-names.ts';
import { oid } from '../object-identifiers.ts';
import { encodeExtension } from './extension.ts';

/** subjectAltName; critical where it is all there is, beside an empty subject (RFC 5280 section 4.2.1.6). */
export function subjectAlternativeName(
  names: readonly string[],
  options: { critical: boolean },
): Uint8Array {
  return encodeExtension(oid.subjectAltName, encodeGeneralNames(names), options);
}
