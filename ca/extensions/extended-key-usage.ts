import { ExtKeyUsage } from 'pkijs';
import { dotted, oid } from '../object-identifiers.ts';
import { encodeExtension } from './extension.ts';

export type ExtendedKeyUsage = 'clientAuth' | 'serverAuth';

/** extendedKeyUsage, not critical (RFC 5280 section 4.2.1.12). */
export function extendedKeyUsage(purposes: readonly ExtendedKeyUsage[]): Uint8Array {
  const value = new ExtKeyUsage({ keyPurposes: purposes.map((purpose) => dotted[purpose]) });
  return encodeExtension(oid.extKeyUsage, new Uint8Array(value.toSchema().toBER()));
}
