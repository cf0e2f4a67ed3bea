/**
 * What a server asks clients to put into certificate requests: CsrAttrs (RFC 7030 section 4.5.2, as RFC 8951 section 4 and
 * RFC 9908 have it), in both forms at once. Newer clients read the template alone, older ones ignore it (RFC 9908 section 4).
 */

import { encode, encodeBitString, tags } from './der.ts';
import { oid } from './object-identifiers.ts';

/** What is asked for. Types are object identifiers, DER; a type alone leaves the value to the client. */
export interface CsrAttributes {
  /** Types of attributes of the request. */
  readonly attributes: readonly Uint8Array[];
  readonly key?: KeyTemplate;
  /** Each type at most once (RFC 9908 section 3.2). */
  readonly extensions: readonly ExtensionTemplate[];
  /** Types of subject attributes, outermost first. */
  readonly subject: readonly Uint8Array[];
  /** Signature algorithms. The template has no place for them. */
  readonly signatures: readonly Uint8Array[];
}

export type KeyTemplate =
  | { readonly algorithm: 'rsaEncryption'; readonly bits: keyof typeof placeholders }
  | {
      readonly algorithm: 'ecPublicKey';
      readonly curve: 'secp256r1' | 'secp384r1' | 'secp521r1';
    }
  | {
      readonly algorithm: 'ed25519' | 'ed448' | 'id-ml-dsa-44' | 'id-ml-dsa-65' | 'id-ml-dsa-87';
    };

export interface ExtensionTemplate {
  readonly type: Uint8Array;
  /** Extension (RFC 5280 section 4.1), DER; absent where its value is the client's. */
  readonly extension?: Uint8Array;
}

/** CsrAttrs, DER; an empty SEQUENCE where nothing is asked for. */
export function encodeCsrAttributes(content: CsrAttributes): Uint8Array {
  return encode(tags.sequence, ...unstructured(content), ...template(content));
}

function attribute(type: Uint8Array, ...values: readonly Uint8Array[]): Uint8Array {
  return encode(tags.sequence, type, encode(tags.set, ...values));
}

/**
 * The list of RFC 9908 section 3.2, in the order of the examples of its section 5. A type alone is an extension's or a
 * subject attribute's too: an Extension without value would be none (section 5.2).
 */
function unstructured(content: CsrAttributes): Uint8Array[] {
  const { attributes, key, extensions, subject, signatures } = content;
  const given = extensions.flatMap(({ extension }) => extension ?? []);
  return [
    ...attributes,
    ...(key ? [attribute(oid[key.algorithm], ...keyParameters(key))] : []),
    ...(given.length > 0 ? [extensionRequest(given)] : []),
    ...extensions.flatMap(({ type, extension }) => (extension ? [] : type)),
    ...subject,
    ...signatures,
  ];
}

/** What the attribute for a key says besides its type: the size of an RSA key, a curve, or nothing. */
function keyParameters(key: KeyTemplate): Uint8Array[] {
  switch (key.algorithm) {
    case 'rsaEncryption':
      return [encode(tags.integer, Uint8Array.of(key.bits >> 8, key.bits & 0xff))];
    case 'ecPublicKey':
      return [oid[key.curve]];
    default:
      return [];
  }
}

function extensionRequest(extensions: readonly Uint8Array[]): Uint8Array {
  return attribute(oid.extensionRequest, encode(tags.sequence, ...extensions));
}

const version1 = encode(tags.integer, Uint8Array.of(0));

/**
 * CertificationRequestInfoTemplate (RFC 9908 section 3.4) in its attribute; none where it would say nothing, since it would
 * hide from newer clients what the list says.
 */
function template({ attributes, key, extensions, subject }: CsrAttributes): Uint8Array[] {
  const demanded = [
    // Values are to be filled in by the client, as those of key attributes are in section 3.2.
    ...attributes.map((type) => attribute(type)),
    ...extensionTemplates(extensions),
  ];
  if (demanded.length === 0 && !key && subject.length === 0) return [];
  const rdns = subject.map((type) => encode(tags.set, encode(tags.sequence, type)));
  const info = encode(
    tags.sequence,
    version1,
    ...(rdns.length > 0 ? [encode(tags.sequence, ...rdns)] : []),
    ...(key ? [encode(0xa0, algorithmOf(key), ...placeholderOf(key))] : []),
    encode(0xa1, ...demanded.sort(Buffer.compare)),
  );
  return [attribute(oid['id-aa-certificationRequestInfoTemplate'], info)];
}

/**
 * One attribute for all extensions: extensionReqTemplate where a value is the client's, else extensionRequest. The text of
 * section 3.4 wants a single ExtensionTemplate as its value, the module and the example a SEQUENCE OF them; here it is the
 * latter, which alone can hold two.
 */
function extensionTemplates(extensions: readonly ExtensionTemplate[]): Uint8Array[] {
  if (extensions.length === 0) return [];
  const encoded = extensions.map(({ type, extension }) => extension ?? encode(tags.sequence, type));
  return extensions.every(({ extension }) => extension)
    ? [extensionRequest(encoded)]
    : [attribute(oid['id-aa-extensionReqTemplate'], encode(tags.sequence, ...encoded))];
}

/** AlgorithmIdentifier of a public key. */
function algorithmOf(key: KeyTemplate): Uint8Array {
  const parameters = key.algorithm === 'rsaEncryption' ? [encode(tags.null)] : keyParameters(key);
  return encode(tags.sequence, oid[key.algorithm], ...parameters);
}

/**
 * What is added to 2^(bits - 1) to be the modulus of a placeholder: nobody knows its factors, and it is odd, not prime and
 * without small factors, so that a client that loads it as a key to learn its length is not stopped.
 */
const placeholders = { 2048: 29, 3072: 83, 4096: 3 } as const;
const exponent65537 = encode(tags.integer, Uint8Array.of(1, 0, 1));

/** A public key of the length asked for, for RSA alone (RFC 9908 section 3.4). */
function placeholderOf(key: KeyTemplate): Uint8Array[] {
  if (key.algorithm !== 'rsaEncryption') return [];
  const modulus = new Uint8Array(1 + key.bits / 8);
  modulus[1] = 0x80;
  modulus[modulus.length - 1] = placeholders[key.bits];
  return [encodeBitString(encode(tags.sequence, encode(tags.integer, modulus), exponent65537))];
}
