/**
 * PKCS#10 in (RFC 2986, RFC 7030 section 4.2.1).
 */

import { hash as digest } from 'node:crypto';
import { type DerElement, DerError, readDer, sameBytes, tags } from './der.ts';
import { type NameAttribute, readName } from './distinguished-name.ts';
import { type PublicKey, readPublicKey, readSigningKey } from './key-rules.ts';
import { oid } from './object-identifiers.ts';
import { malformed } from './refusal.ts';
import { type RequestAttributes, readRequestAttributes } from './request-attributes.ts';
import { provePossession, type SignedOctets } from './request-signature.ts';

/** What a request asks for, whatever its form; the key is another matter. */
export interface RequestContent extends RequestAttributes {
  /** Name, DER, as it stands in the request. */
  readonly subject: Uint8Array;
  readonly subjectAttributes: readonly NameAttribute[];
  /** SHA-256 of the SubjectPublicKeyInfo, hexadecimal: the key's identity on record. */
  readonly publicKeyDigest: string;
}

export interface CertificateRequest extends RequestContent {
  readonly publicKey: PublicKey;
  /** AlgorithmIdentifier of the signature, DER; absent where possession was proven in another way. */
  readonly signatureAlgorithm?: Uint8Array;
}

/**
 * Reads one CertificationRequest and verifies that it was signed by the key it names.
 * @param der exactly the request, DER
 * @throws Refusal malformed-request, unsupported-key or bad-signature, each with its reason
 */
export async function parseCertificateRequest(der: Uint8Array): Promise<CertificateRequest> {
  const { content, key, signed } = readRequest(der);
  const publicKey = readSigningKey(key);
  await provePossession(signed, publicKey);
  return { ...content, publicKey, signatureAlgorithm: signed.algorithm.bytes };
}

/** Whether a request proves that its sender has the private key; `unproven` leaves it to a challenge. */
export type Possession = 'by-signature' | 'unproven' | 'vouched-for-by-ra';

/** A request and what it proves: who calls sees to it that nothing unproven is certified. */
export interface RequestWithPossession {
  readonly request: CertificateRequest;
  readonly possession: Possession;
}

/**
 * Reads one CertificationRequest as parseCertificateRequest does, or one that has no signature because its key makes none
 * (RFC 5272 appendix C.1).
 * @throws Refusal malformed-request, unsupported-key or bad-signature
 */
export async function parseRequestOfAnyKey(der: Uint8Array): Promise<RequestWithPossession> {
  const { content, key, signed } = readRequest(der);
  const [algorithm] = signed.algorithm.children;
  if (algorithm && sameBytes(algorithm.bytes, oid['id-alg-noSignature']))
    return { request: { ...content, publicKey: readPublicKey(key) }, possession: 'unproven' };
  return { request: await parseCertificateRequest(der), possession: 'by-signature' };
}

/**
 * Reads a request for a key that is still to be made: its key and its signature are there for the form only
 * (RFC 7030 section 4.4.1).
 * @throws Refusal malformed-request
 */
export function parseKeylessRequest(der: Uint8Array): RequestContent {
  return readRequest(der).content;
}

interface ReadRequest {
  readonly content: RequestContent;
  readonly key: DerElement;
  readonly signed: SignedOctets;
}

function readRequest(der: Uint8Array): ReadRequest {
  let outer: DerElement;
  try {
    outer = readDer(der);
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw malformed(`The certificate request is not DER: ${cause.message}.`, { cause });
  }
  const [info, algorithm, signature] = outer.children;
  const [version, subject, key, attributes] = info?.children ?? [];
  if (
    outer.tag !== tags.sequence ||
    outer.children.length !== 3 ||
    info?.tag !== tags.sequence ||
    algorithm?.tag !== tags.sequence ||
    signature?.tag !== tags.bitString ||
    version?.tag !== tags.integer ||
    !subject ||
    !key ||
    info.children.length > 4
  )
    throw malformed('This is not a PKCS#10 certification request (RFC 2986 section 4).');
  if (version.content.length !== 1 || version.content[0] !== 0)
    throw malformed('The certification request is not version 1.');
  if (signature.content[0] !== 0) throw malformed('The signature is not a whole number of octets.');
  return {
    content: {
      subject: subject.bytes,
      subjectAttributes: readName(subject),
      ...readRequestAttributes(attributes),
      publicKeyDigest: digestOf(key.bytes),
    },
    key,
    signed: { octets: info.bytes, algorithm, signature: signature.content.subarray(1) },
  };
}

/** SHA-256, hexadecimal. */
export function digestOf(octets: Uint8Array): string {
  return digest('sha256', octets, 'hex');
}
