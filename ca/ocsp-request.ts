/**
 * Reads OCSP requests (RFC 6960 section 4.1). Whoever asks may know the answer, so requestorName and a signature are
 * passed over.
 */

import { type DerElement, DerError, readDer, tags } from './der.ts';
import { type ObjectIdentifier, octetsKey, oid, oidName } from './object-identifiers.ts';
import { malformed } from './refusal.ts';

/** The certificate that is asked about, as CertID names it. */
export interface CertificateId {
  /** As it stands in the request: the answer repeats it octet for octet. */
  readonly der: Uint8Array;
  /** By its OpenSSL name; undefined where it is none of ours. */
  readonly hash: CertificateIdHash | undefined;
  readonly issuerNameHash: Uint8Array;
  readonly issuerKeyHash: Uint8Array;
  /** Hexadecimal content octets of the INTEGER. */
  readonly serialNumber: string;
}

export interface OcspRequest {
  /** At least one. */
  readonly certificates: readonly CertificateId[];
  /** 1 to 128 octets (RFC 9654 section 2.1). */
  readonly nonce?: Uint8Array;
}

export type CertificateIdHash = 'sha1' | 'sha256' | 'sha384' | 'sha512';

/** SHA-1 for older clients: it names the issuer here and protects nothing (RFC 9919 section 3.1.1). */
const hashNames: Partial<Record<ObjectIdentifier, CertificateIdHash>> = {
  'id-sha1': 'sha1',
  'id-sha256': 'sha256',
  'id-sha384': 'sha384',
  'id-sha512': 'sha512',
};

/** One request for each certificate is the rule (RFC 9919 section 3.1.1); a few at once are for older clients. */
export const mostCertificates = 16;
export const mostNonceOctets = 128;

const version1 = '020100';
const noncePurpose = octetsKey(oid['id-pkix-ocsp-nonce']);

/** @throws Refusal malformed-request */
export function readOcspRequest(der: Uint8Array): OcspRequest {
  const request = readElement(der, 'The OCSP request');
  const [toBeSigned, signature, surplus] = request.children;
  const [version, , list, extensions] = takeInOrder(toBeSigned, [
    0xa0,
    0xa1,
    tags.sequence,
    0xa2,
  ] as const);
  if (request.tag !== tags.sequence || surplus || (signature && signature.tag !== 0xa0) || !list)
    throw malformed('The OCSP request is no OCSPRequest (RFC 6960 section 4.1.1).');
  if (version && octetsKey(version.content) !== version1)
    throw malformed('The OCSP request has a version other than v1 (RFC 6960 section 4.1.1).');
  const { length } = list.children;
  if (length === 0 || length > mostCertificates)
    throw malformed(
      `The OCSP request asks about ${length} certificates; 1 to ${mostCertificates} are answered at once.`,
    );
  const certificates = list.children.map(readRequest);
  const nonce = readNonce(readExtensions(extensions));
  return { certificates, ...(nonce ? { nonce } : {}) };
}

/** What stands under each tag; all of it is optional, in this order, and nothing else may be there. */
function takeInOrder(
  sequence: DerElement | undefined,
  order: readonly number[],
): (DerElement | undefined)[] {
  const rest = [...(sequence?.children ?? [])];
  const taken = order.map((tag) => (rest[0]?.tag === tag ? rest.shift() : undefined));
  if (sequence?.tag !== tags.sequence || rest.length > 0)
    throw malformed('The OCSP request is no OCSPRequest (RFC 6960 section 4.1.1).');
  return taken;
}

/** Request; its extensions only say where the request could be passed on to, and it is not. */
function readRequest(request: DerElement): CertificateId {
  const [id, extensions, surplus] = request.children;
  if (request.tag !== tags.sequence || !id || surplus || (extensions && extensions.tag !== 0xa0))
    throw malformed('A Request of the OCSP request is malformed (RFC 6960 section 4.1.1).');
  readExtensions(extensions);
  return readCertificateId(id);
}

function readCertificateId({ tag, bytes, children }: DerElement): CertificateId {
  const [algorithm, name, key, serial, surplus] = children;
  const [type, parameters, more] = algorithm?.children ?? [];
  if (
    tag !== tags.sequence ||
    algorithm?.tag !== tags.sequence ||
    type?.tag !== tags.oid ||
    (parameters && parameters.tag !== tags.null) ||
    more ||
    name?.tag !== tags.octetString ||
    key?.tag !== tags.octetString ||
    serial?.tag !== tags.integer ||
    surplus
  )
    throw malformed('A CertID of the OCSP request is malformed (RFC 6960 section 4.1.1).');
  const known = oidName(type.bytes);
  return {
    der: bytes,
    hash: known && hashNames[known],
    issuerNameHash: name.content,
    issuerKeyHash: key.content,
    serialNumber: octetsKey(serial.content),
  };
}

/** Values by type. One we do not know is passed over, unless it is critical (RFC 6960 section 4.4). */
function readExtensions(explicit: DerElement | undefined): Map<string, Uint8Array> {
  const values = new Map<string, Uint8Array>();
  if (!explicit) return values;
  const [list, surplus] = explicit.children;
  if (list?.tag !== tags.sequence || surplus)
    throw malformed('The extensions of the OCSP request are malformed.');
  for (const extension of list.children) {
    const [type, critical, value] = takeInOrder(extension, [
      tags.oid,
      tags.boolean,
      tags.octetString,
    ]);
    if (!type || !value) throw malformed('An extension of the OCSP request is malformed.');
    const name = octetsKey(type.bytes);
    if (values.has(name)) throw malformed('An extension of the OCSP request stands twice.');
    if (critical?.content[0] === 0xff && name !== noncePurpose)
      throw malformed('The OCSP request has a critical extension that is not known here.');
    values.set(name, value.content);
  }
  return values;
}

/** RFC 9654 section 2.1: an OCTET STRING inside the one that every extension has around its value. */
function readNonce(extensions: ReadonlyMap<string, Uint8Array>): Uint8Array | undefined {
  const value = extensions.get(noncePurpose);
  if (!value) return undefined;
  const { tag, content } = readElement(value, 'The nonce of the OCSP request');
  if (tag !== tags.octetString || content.length === 0 || content.length > mostNonceOctets)
    throw malformed(
      `The nonce of the OCSP request must be an OCTET STRING of 1 to ${mostNonceOctets} octets (RFC 9654 section 2.1).`,
    );
  return content;
}

function readElement(der: Uint8Array, what: string): DerElement {
  try {
    return readDer(der);
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw malformed(`${what} is not DER: ${cause.message}.`, { cause });
  }
}
