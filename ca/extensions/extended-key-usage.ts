import { ExtKeyUsage } from 'pkijs';
import { dotted, type ObjectIdentifier, oid } from '../object-identifiers.ts';
import { encodeExtension } from './extension.ts';

/** Purposes that our profiles assert: RFC 5280 section 4.2.1.12, and RFC 6402 section 2.10 for those of CMC. */
export const extendedKeyUsages = [
  'serverAuth',
  'clientAuth',
  'OCSPSigning',
  'cmcCA',
  'cmcRA',
] as const satisfies readonly ObjectIdentifier[];
export type ExtendedKeyUsage = (typeof extendedKeyUsages)[number];

/** extendedKeyUsage, not critical (RFC 5280 section 4.2.1.12). */
export function extendedKeyUsage(purposes: readonly ExtendedKeyUsage[]): Uint8Array {
  const value = new ExtKeyUsage({ keyPurposes: purposes.map((purpose) => dotted[purpose]) });
  return encodeExtension(oid.extKeyUsage, new Uint8Array(value.toSchema().toBER()));
}
