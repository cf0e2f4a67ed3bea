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
export type NamedKeyUsage = (typeof extendedKeyUsages)[number];
/** By name, or by dotted object identifier. */
export type ExtendedKeyUsage = NamedKeyUsage | `${0 | 1 | 2}.${string}`;

const identifiers: Readonly<Record<string, string>> = Object.fromEntries(
  extendedKeyUsages.map((purpose) => [purpose, dotted[purpose]]),
);

/** The dotted object identifier of a purpose. */
export function purposeIdentifier(purpose: ExtendedKeyUsage): string {
  return identifiers[purpose] ?? purpose;
}

/** By its name, where it has one here. */
export function canonicalPurpose(purpose: ExtendedKeyUsage): ExtendedKeyUsage {
  return extendedKeyUsages.find((named) => dotted[named] === purpose) ?? purpose;
}

/** extendedKeyUsage, not critical (RFC 5280 section 4.2.1.12). */
export function extendedKeyUsage(purposes: readonly ExtendedKeyUsage[]): Uint8Array {
  const value = new ExtKeyUsage({ keyPurposes: purposes.map(purposeIdentifier) });
  return encodeExtension(oid.extKeyUsage, new Uint8Array(value.toSchema().toBER()));
}
