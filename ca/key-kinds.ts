/** Kinds of key pair that can be made for a subscriber, by the names operators use. */
export const keyKinds = [
  'RSA-2048',
  'RSA-3072',
  'RSA-4096',
  'P-256',
  'P-384',
  'P-521',
  'Ed25519',
] as const;
export type KeyKind = (typeof keyKinds)[number];
