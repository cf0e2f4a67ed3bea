/**
 * Takes a private key that was made to be given away out of the token: by its values, or wrapped
 * where the token shows no value of any private key.
 */
import { createDecipheriv, randomBytes } from 'node:crypto';
import type { KeyKind } from '../ca/key-kinds.ts';
import { type Cryptoki, ck, type Handle } from './cryptoki.ts';
import { Pkcs11Fault, pkcs11Code } from './pkcs11-fault.ts';
import {
  ecPrivateKeyInfo,
  ed25519PrivateKeyInfo,
  rsaPrivateKeyInfo,
  wipe,
} from './private-key-info.ts';

/** In the order of RSAPrivateKey (RFC 8017 appendix A.1.2). */
const rsaValues = [
  ck.CKA_MODULUS,
  ck.CKA_PUBLIC_EXPONENT,
  ck.CKA_PRIVATE_EXPONENT,
  ck.CKA_PRIME_1,
  ck.CKA_PRIME_2,
  ck.CKA_EXPONENT_1,
  ck.CKA_EXPONENT_2,
  ck.CKA_COEFFICIENT,
];

/**
 * @returns OneAsymmetricKey (RFC 5958 section 2), DER, perhaps with zeros behind it
 * @throws Pkcs11Fault
 */
export async function extractPrivateKey(
  cryptoki: Cryptoki,
  session: Handle,
  key: Handle,
  kind: KeyKind,
): Promise<Uint8Array> {
  const types = kind.startsWith('RSA') ? rsaValues : [ck.CKA_VALUE];
  const values = cryptoki.attributes(session, key, types);
  const shown = values.filter((value) => value !== undefined);
  try {
    if (shown.length === types.length) return privateKeyInfo(kind, shown);
  } finally {
    wipe(...shown);
  }
  return unwrapped(cryptoki, session, key);
}

function privateKeyInfo(kind: KeyKind, values: readonly Buffer[]): Uint8Array {
  const [value = Buffer.alloc(0)] = values;
  switch (kind) {
    case 'P-256':
    case 'P-384':
    case 'P-521':
      return ecPrivateKeyInfo(kind, value);
    case 'Ed25519':
      return ed25519PrivateKeyInfo(value);
    default:
      return rsaPrivateKeyInfo(values);
  }
}

/** RFC 5649 section 3: the alternative initial value that says how it is wrapped. */
const keyWrapWithPadding = Buffer.from('a65959a6', 'hex');

/** Wraps under an AES key that both sides have for this one key alone, and unwraps here. */
async function unwrapped(cryptoki: Cryptoki, session: Handle, key: Handle): Promise<Uint8Array> {
  const wrappingValue = randomBytes(32);
  try {
    const wrappingKey = cryptoki.createObject(session, [
      [ck.CKA_CLASS, ck.CKO_SECRET_KEY],
      [ck.CKA_KEY_TYPE, ck.CKK_AES],
      [ck.CKA_TOKEN, false],
      [ck.CKA_PRIVATE, true],
      [ck.CKA_SENSITIVE, true],
      [ck.CKA_EXTRACTABLE, false],
      [ck.CKA_WRAP, true],
      [ck.CKA_VALUE, wrappingValue],
    ]);
    try {
      const wrapped = await wrap(cryptoki, session, wrappingKey, key);
      return unwrap(wrappingValue, wrapped);
    } finally {
      cryptoki.destroyObject(session, wrappingKey);
    }
  } finally {
    wipe(wrappingValue);
  }
}

/** PKCS#11 v3.0 names the wrapping of RFC 5649 clearly; older libraries know it by the older name. */
async function wrap(
  cryptoki: Cryptoki,
  session: Handle,
  wrappingKey: Handle,
  key: Handle,
): Promise<Buffer> {
  try {
    return await cryptoki.wrapKey(session, ck.CKM_AES_KEY_WRAP_KWP, wrappingKey, key);
  } catch (error) {
    if (!(error instanceof Pkcs11Fault) || error.code !== unknownMechanism) throw error;
  }
  return cryptoki.wrapKey(session, ck.CKM_AES_KEY_WRAP_PAD, wrappingKey, key);
}

const unknownMechanism = pkcs11Code('CKR_MECHANISM_INVALID');

function unwrap(wrappingValue: Buffer, wrapped: Buffer): Buffer {
  const decipher = createDecipheriv('id-aes256-wrap-pad', wrappingValue, keyWrapWithPadding);
  const plain = decipher.update(wrapped);
  // Adds nothing to a wrapped key.
  decipher.final();
  return plain;
}
