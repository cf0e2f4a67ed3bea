/** Kinds of device key that are certified, by the names operators use. */
export const deviceKeyTypes = [
  'RSA-2048',
  'RSA-3072',
  'RSA-4096',
  'P-256',
  'P-384',
  'P-521',
  'Ed25519',
  'Ed448',
  'ML-DSA-44',
  'ML-DSA-65',
  'ML-DSA-87',
] as const;
export type DeviceKeyType = (typeof deviceKeyTypes)[number];
