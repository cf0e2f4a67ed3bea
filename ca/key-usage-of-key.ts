import { readDer } from './der.ts';
import type { DeviceKeyType } from './device-key-types.ts';
import type { KeyUsage } from './extensions/key-usage.ts';
import { type ObjectIdentifier, oidName } from './object-identifiers.ts';

/** Keys that usages other than signatures are for: RFC 4055 section 1.2, RFC 8813 section 3, RFC 8410 section 5. */
const fitting: Partial<Record<KeyUsage, readonly (ObjectIdentifier | undefined)[]>> = {
  keyEncipherment: ['rsaEncryption'],
  dataEncipherment: ['rsaEncryption'],
  keyAgreement: ['ecPublicKey', 'x25519', 'x448'],
};

/** Whether the usages depend on the key. */
export function dependOnKey(usages: readonly KeyUsage[]): boolean {
  return usages.some((usage) => fitting[usage] !== undefined);
}

function fit(usages: readonly KeyUsage[], algorithm: ObjectIdentifier | undefined): KeyUsage[] {
  return usages.filter((usage) => fitting[usage]?.includes(algorithm) ?? true);
}

/**
 * The usages that a key can have, of those of its profile.
 * @param subjectPublicKeyInfo DER
 */
export function usagesOfKey(
  usages: readonly KeyUsage[],
  subjectPublicKeyInfo: Uint8Array,
): readonly KeyUsage[] {
  if (!dependOnKey(usages)) return usages;
  const type = readDer(subjectPublicKeyInfo).children[0]?.children[0];
  return fit(usages, type && oidName(type.bytes));
}

/** The same for a kind of key. */
export function usagesOfKeyType(usages: readonly KeyUsage[], type: DeviceKeyType): KeyUsage[] {
  if (type.startsWith('RSA-')) return fit(usages, 'rsaEncryption');
  return fit(usages, type.startsWith('P-') ? 'ecPublicKey' : undefined);
}
