/**
 * SignedData that others made, read and verified (RFC 5652 section 5). What it may be signed for, and by whom, is the
 * caller's affair.
 */

import { hash } from 'node:crypto';
import { type DerElement, sameBytes, tags } from '../der.ts';
import type { PublicKey } from '../key-rules.ts';
import { octetsKey, oid } from '../object-identifiers.ts';
import { malformed } from '../refusal.ts';
import { type BerElement, derOf, octetsOf, readBer } from './ber.ts';
import { type CertificateIdentifier, readCertificateIdentifier } from './certificate-identifier.ts';
import { readSignatureScheme, type SignatureScheme, schemeVerifies } from './signature-scheme.ts';

export interface SignedData {
  /** eContentType: OBJECT IDENTIFIER, DER. */
  readonly contentType: Uint8Array;
  /** The octets of eContent, as they were signed. */
  readonly content: Uint8Array;
  /** The X.509 certificates that came along, DER, in their order: nothing about them is verified. */
  readonly certificates: readonly Uint8Array[];
  readonly signerInfos: readonly SignerInfo[];
}

export interface SignerInfo {
  readonly identifier: CertificateIdentifier;
  /** Undefined when it is signed with algorithms that are not accepted: then verifySigner says false. */
  readonly scheme: SignatureScheme | undefined;
  /** Absent only where the content type is id-data. */
  readonly signedAttributes?: SignedAttributes;
  readonly signature: Uint8Array;
}

export interface SignedAttributes {
  /** SET OF Attribute, DER: what is signed (RFC 5652 section 5.4). */
  readonly bytes: Uint8Array;
  /** contentType (section 11.1): OBJECT IDENTIFIER, DER. */
  readonly contentType: Uint8Array;
  /** messageDigest (section 11.2). */
  readonly messageDigest: Uint8Array;
}

/** A message has one signer, or a few: more would only cost verifications. */
const maxSigners = 8;
const versions = new Set(['01', '03', '04', '05']);

/**
 * Reads a ContentInfo that holds a SignedData with its content inside. Its wrapping may be BER; what is signed is DER.
 * @param der the message, whose size the caller has bounded
 * @throws Refusal malformed-request
 */
export function readSignedData(der: Uint8Array): SignedData {
  const [version, digestAlgorithms, encapsulated, ...rest] = readWrapping(der);
  const certificates = rest[0]?.tag === 0xa0 ? rest.shift() : undefined;
  if (rest[0]?.tag === 0xa1) rest.shift();
  const [signerInfos, surplus] = rest;
  if (
    version?.tag !== tags.integer ||
    !versions.has(octetsKey(version.content)) ||
    digestAlgorithms?.tag !== tags.set ||
    encapsulated?.tag !== tags.sequence ||
    signerInfos?.tag !== tags.set ||
    surplus
  )
    throw malformed('The SignedData is malformed (RFC 5652 section 5.1).');
  if (signerInfos.children.length > maxSigners)
    throw malformed(`The SignedData has more than ${maxSigners} signers.`);
  const { contentType, content } = readEncapsulated(encapsulated);
  return {
    contentType,
    content,
    certificates: (certificates?.children ?? [])
      .filter(({ tag }) => tag === tags.sequence)
      .map((certificate) => derOf(certificate).bytes),
    signerInfos: signerInfos.children.map((info) => readSignerInfo(info, contentType)),
  };
}

/** ContentInfo (RFC 5652 section 3). */
function readWrapping(der: Uint8Array): readonly BerElement[] {
  const outer = readBer(der);
  const [type, wrapped, surplus] = outer.children;
  const [signedData, second] = wrapped?.children ?? [];
  if (
    outer.tag !== tags.sequence ||
    !type ||
    !sameBytes(type.bytes, oid['id-signedData']) ||
    wrapped?.tag !== 0xa0 ||
    signedData?.tag !== tags.sequence ||
    second ||
    surplus
  )
    throw malformed('This is not a CMS SignedData (RFC 5652 section 5.1).');
  return signedData.children;
}

function readEncapsulated(element: BerElement): Pick<SignedData, 'contentType' | 'content'> {
  const [type, wrapped, surplus] = element.children;
  const [octets, second] = wrapped?.children ?? [];
  if (type?.tag !== tags.oid || surplus || (wrapped && wrapped.tag !== 0xa0) || second)
    throw malformed('The encapsulated content is malformed (RFC 5652 section 5.2).');
  if (!octets) throw malformed('The SignedData is detached: it must carry what it signs.');
  return { contentType: derOf(type).bytes, content: octetsOf(octets) };
}

/** RFC 5652 section 5.3. */
function readSignerInfo(element: BerElement, contentType: Uint8Array): SignerInfo {
  const [version, sid, digestAlgorithm, ...rest] = element.children;
  const attributes = rest[0]?.tag === 0xa0 ? rest.shift() : undefined;
  const [signatureAlgorithm, signature, unsigned, surplus] = rest;
  if (
    element.tag !== tags.sequence ||
    !version ||
    !sid ||
    digestAlgorithm?.tag !== tags.sequence ||
    signatureAlgorithm?.tag !== tags.sequence ||
    !signature ||
    (unsigned && unsigned.tag !== 0xa1) ||
    surplus
  )
    throw malformed('A SignerInfo is malformed (RFC 5652 section 5.3).');
  const identifier = readCertificateIdentifier(derOf(sid));
  const rightVersion = identifier.kind === 'issuerAndSerialNumber' ? '020101' : '020103';
  if (octetsKey(version.bytes) !== rightVersion)
    throw malformed('The version of a SignerInfo does not fit its identifier.');
  if (!attributes && !sameBytes(contentType, oid['id-data']))
    throw malformed('A signature over this content type must have signed attributes.');
  return {
    identifier,
    scheme: readSignatureScheme(derOf(digestAlgorithm), derOf(signatureAlgorithm)),
    ...(attributes ? { signedAttributes: readSignedAttributes(derOf(attributes)) } : {}),
    signature: octetsOf(signature),
  };
}

function readSignedAttributes({ bytes, children }: DerElement): SignedAttributes {
  const values = new Map<string, DerElement | undefined>();
  let previous: Uint8Array | undefined;
  for (const attribute of children) {
    const [type, set, surplus] = attribute.children;
    if (
      attribute.tag !== tags.sequence ||
      type?.tag !== tags.oid ||
      set?.tag !== tags.set ||
      surplus
    )
      throw malformed('A signed attribute is malformed (RFC 5652 section 5.3).');
    if (previous && Buffer.compare(previous, attribute.bytes) >= 0)
      throw malformed('The signed attributes are not in the order of DER (X.690 section 11.6).');
    previous = attribute.bytes;
    const key = octetsKey(type.bytes);
    if (values.has(key)) throw malformed('The SignedData has a signed attribute twice.');
    values.set(key, set.children.length === 1 ? set.children[0] : undefined);
  }
  const contentType = values.get(octetsKey(oid.contentType));
  const messageDigest = values.get(octetsKey(oid.messageDigest));
  if (contentType?.tag !== tags.oid || messageDigest?.tag !== tags.octetString)
    throw malformed(
      'The signed attributes must hold contentType and messageDigest, each with one value (RFC 5652 section 11).',
    );
  // The [0] of the message is read as the SET OF that it stands for.
  const setOf = Uint8Array.from(bytes);
  setOf[0] = tags.set;
  return {
    bytes: setOf,
    contentType: contentType.bytes,
    messageDigest: messageDigest.content,
  };
}

/**
 * Whether a signer signed this content with the key (RFC 5652 section 5.6). That the key is the one the SignerInfo
 * names, and may sign, the caller decides.
 */
export async function verifySigner(
  { contentType, content }: SignedData,
  { scheme, signedAttributes, signature }: SignerInfo,
  publicKey: PublicKey,
): Promise<boolean> {
  if (!scheme) return false;
  if (!signedAttributes) return schemeVerifies(scheme, publicKey, content, signature);
  return (
    sameBytes(signedAttributes.contentType, contentType) &&
    sameBytes(signedAttributes.messageDigest, hash(scheme.digest, content, 'buffer')) &&
    (await schemeVerifies(scheme, publicKey, signedAttributes.bytes, signature))
  );
}
