/**
 * PKCS#10 requests put together octet by octet, well-formed unless a test says otherwise (RFC 2986 section 4).
 */

import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { encode, encodeBitString, encodeOid, tags } from '../../ca/der.ts';

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export const keyPairs = {
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  RSA: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  Ed25519: generateKeyPairSync('ed25519'),
  Ed448: generateKeyPairSync('ed448'),
  'ML-DSA-44': generateKeyPairSync('ml-dsa-44'),
  'ML-DSA-65': generateKeyPairSync('ml-dsa-65'),
  'ML-DSA-87': generateKeyPairSync('ml-dsa-87'),
} as const satisfies Record<string, KeyPair>;

export interface RequestParts {
  readonly key?: keyof typeof keyPairs;
  readonly version?: Uint8Array;
  readonly subject?: Uint8Array;
  readonly publicKey?: Uint8Array;
  /** Attributes, each DER; null leaves the element out. */
  readonly attributes?: readonly Uint8Array[] | null;
  /** Elements after the attributes. */
  readonly surplus?: readonly Uint8Array[];
  readonly signatureAlgorithm?: Uint8Array;
  readonly hash?: string | null;
  /** Signs; by default with the key of the request. */
  readonly sign?: (info: Uint8Array) => Uint8Array;
}

export const sequence = (...parts: readonly Uint8Array[]) => encode(tags.sequence, ...parts);
export const setOf = (...parts: readonly Uint8Array[]) => encode(tags.set, ...parts);
export const octetString = (...parts: readonly Uint8Array[]) => encode(tags.octetString, ...parts);
export const oidOf = encodeOid;
export const nullValue = encode(tags.null);
export const text = (tag: number, value: string) => encode(tag, Buffer.from(value, 'utf8'));

/** AlgorithmIdentifier. */
export const algorithm = (dotted: string, ...parameters: readonly Uint8Array[]) =>
  sequence(oidOf(dotted), ...parameters);

export const algorithms = {
  'P-256': algorithm('1.2.840.10045.4.3.2'),
  'P-384': algorithm('1.2.840.10045.4.3.3'),
  RSA: algorithm('1.2.840.113549.1.1.11', nullValue),
  Ed25519: algorithm('1.3.101.112'),
  Ed448: algorithm('1.3.101.113'),
  'ML-DSA-44': algorithm('2.16.840.1.101.3.4.3.17'),
  'ML-DSA-65': algorithm('2.16.840.1.101.3.4.3.18'),
  'ML-DSA-87': algorithm('2.16.840.1.101.3.4.3.19'),
} as const;

/** The hash each key signs with; the others have their own. */
const hashes: Partial<Record<keyof typeof keyPairs, string>> = {
  'P-256': 'sha256',
  'P-384': 'sha384',
  RSA: 'sha256',
};

export const commonName = (value: string, tag: number = tags.utf8String) =>
  sequence(setOf(sequence(oidOf('2.5.4.3'), text(tag, value))));

export function spkiOf(key: KeyObject): Uint8Array {
  return key.export({ type: 'spki', format: 'der' });
}

/** One CertificationRequest, DER. */
export function forgeRequest(parts: RequestParts = {}): Uint8Array {
  const { key = 'P-256', attributes = [], hash = hashes[key] ?? null } = parts;
  const pair = keyPairs[key];
  const info = sequence(
    parts.version ?? encode(tags.integer, Uint8Array.of(0)),
    parts.subject ?? commonName('device-1'),
    parts.publicKey ?? spkiOf(pair.publicKey),
    ...(attributes === null ? [] : [encode(0xa0, ...attributes)]),
    ...(parts.surplus ?? []),
  );
  const signature = parts.sign?.(info) ?? sign(hash, info, pair.privateKey);
  return sequence(info, parts.signatureAlgorithm ?? algorithms[key], encodeBitString(signature));
}

/** Attribute { type, SET OF values }. */
export const attribute = (type: string, ...values: readonly Uint8Array[]) =>
  sequence(oidOf(type), setOf(...values));

export const extension = (type: string, value: Uint8Array, ...critical: readonly Uint8Array[]) =>
  sequence(oidOf(type), ...critical, octetString(value));

/** The attribute extensionRequest (RFC 2985 section 5.4.2). */
export const extensionRequest = (...extensions: readonly Uint8Array[]) =>
  attribute('1.2.840.113549.1.9.14', sequence(...extensions));

/** extensionRequest for a subjectAltName of these GeneralNames. */
export const requestedNames = (...names: readonly Uint8Array[]) =>
  extensionRequest(extension('2.5.29.17', sequence(...names)));

export const dns = (name: string) => encode(0x82, Buffer.from(name, 'latin1'));
