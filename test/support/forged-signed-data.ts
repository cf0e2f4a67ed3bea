/**
 * SignedData put together octet by octet, well-formed unless a test says otherwise (RFC 5652 section 5).
 */

import { hash, sign } from 'node:crypto';
import { encode, tags } from '../../ca/der.ts';
import {
  algorithm,
  algorithms,
  attribute,
  keyPairs,
  octetString,
  oidOf,
  sequence,
  setOf,
} from './forged-request.ts';

export const contentTypes = {
  data: '1.2.840.113549.1.7.1',
  pkiData: '1.3.6.1.5.5.7.12.2',
} as const;

export const digestAlgorithms = {
  sha1: algorithm('1.3.14.3.2.26'),
  sha256: algorithm('2.16.840.1.101.3.4.2.1'),
  sha384: algorithm('2.16.840.1.101.3.4.2.2'),
  sha512: algorithm('2.16.840.1.101.3.4.2.3'),
} as const;

export interface SignedDataParts {
  readonly version?: number;
  readonly contentType?: string;
  readonly content?: Uint8Array;
  /** eContent as it stands under its [0]; null leaves it out. */
  readonly encapsulated?: Uint8Array | null;
  readonly certificates?: readonly Uint8Array[];
  readonly signerInfos?: readonly Uint8Array[];
  /** ContentInfo's contentType. */
  readonly outerType?: string;
}

export interface SignerParts {
  readonly key?: keyof typeof keyPairs;
  readonly version?: number;
  readonly sid?: Uint8Array;
  readonly digest?: keyof typeof digestAlgorithms;
  readonly digestAlgorithm?: Uint8Array;
  /** Attributes, each DER, in their order; null leaves them out. */
  readonly attributes?: readonly Uint8Array[] | null;
  readonly contentType?: string;
  readonly content?: Uint8Array;
  readonly signatureAlgorithm?: Uint8Array;
  /** Signs what stands under the SET OF tag, or the content where there are no attributes. */
  readonly sign?: (octets: Uint8Array) => Uint8Array;
  /** Elements after the signature. */
  readonly surplus?: readonly Uint8Array[];
}

export const someContent = Buffer.from('content of some type');

export const contentTypeAttribute = (type: string = contentTypes.pkiData) =>
  attribute('1.2.840.113549.1.9.3', oidOf(type));

export const messageDigestAttribute = (
  content: Uint8Array = someContent,
  digest: keyof typeof digestAlgorithms = 'sha256',
) => attribute('1.2.840.113549.1.9.4', octetString(hash(digest, content, 'buffer')));

const small = (value: number) => encode(tags.integer, Uint8Array.of(value));

/** [0] SubjectKeyIdentifier. */
export const someKeyIdentifier = encode(0x80, Buffer.from('0123456789'));

/** One SignerInfo, DER. */
export function forgeSignerInfo(parts: SignerParts = {}): Uint8Array {
  const { key = 'P-256', digest = 'sha256', content = someContent } = parts;
  const {
    attributes = [contentTypeAttribute(parts.contentType), messageDigestAttribute(content, digest)],
  } = parts;
  const octets = attributes === null ? content : setOf(...attributes);
  const hashed = key === 'Ed25519' ? null : digest;
  const signature = parts.sign?.(octets) ?? sign(hashed, octets, keyPairs[key].privateKey);
  return sequence(
    small(parts.version ?? 3),
    parts.sid ?? someKeyIdentifier,
    parts.digestAlgorithm ?? digestAlgorithms[digest],
    ...(attributes === null ? [] : [encode(0xa0, ...attributes)]),
    parts.signatureAlgorithm ?? algorithms[key],
    octetString(signature),
    ...(parts.surplus ?? []),
  );
}

/** One ContentInfo, DER. */
export function forgeSignedData(parts: SignedDataParts = {}): Uint8Array {
  const { contentType = contentTypes.pkiData, content = someContent } = parts;
  const { encapsulated = octetString(content) } = parts;
  const signedData = sequence(
    small(parts.version ?? 3),
    setOf(digestAlgorithms.sha256),
    sequence(oidOf(contentType), ...(encapsulated ? [encode(0xa0, encapsulated)] : [])),
    ...(parts.certificates ? [encode(0xa0, ...parts.certificates)] : []),
    setOf(...(parts.signerInfos ?? [forgeSignerInfo({ content, contentType })])),
  );
  return sequence(oidOf(parts.outerType ?? '1.2.840.113549.1.7.2'), encode(0xa0, signedData));
}
