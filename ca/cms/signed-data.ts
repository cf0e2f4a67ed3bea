/**
 * SignedData of our own (RFC 5652 section 5): one signer, signed attributes, the content inside.
 */

import { hash } from 'node:crypto';
import { readCertificate } from '../certificate.ts';
import { signatureAlgorithmIdentifier } from '../compose-certificate.ts';
import { encode, encodeTime, sameBytes, tags } from '../der.ts';
import { oid } from '../object-identifiers.ts';
import { signOctets } from '../sign-structure.ts';
import { type Signer, signatureHashOf } from '../signer.ts';
import { encodeCertificateIdentifier, issuerAndSerialNumberOf } from './certificate-identifier.ts';
import { type Digest, digestAlgorithmIdentifier } from './digest-algorithm.ts';

export interface DataToSign {
  /** eContentType: OBJECT IDENTIFIER, DER. */
  readonly contentType: Uint8Array;
  /** The octets of eContent. */
  readonly content: Uint8Array;
  readonly signer: Signer;
  /** The signer's certificate, DER; it goes along. */
  readonly certificate: Uint8Array;
  /** Further certificates that go along, DER. */
  readonly certificates?: readonly Uint8Array[];
  readonly signingTime: Date;
}

const version1 = encode(tags.integer, Uint8Array.of(1));
const version3 = encode(tags.integer, Uint8Array.of(3));

/**
 * Signs content and verifies the signature before it is released.
 * @returns ContentInfo, DER
 * @throws SignerUnavailable, SignatureFault, and Error when the certificate is not the signer's
 */
export async function signData(data: DataToSign): Promise<Uint8Array> {
  return encode(tags.sequence, oid['id-signedData'], encode(0xa0, await makeSignedData(data)));
}

/**
 * The same without the ContentInfo, as it stands inside another content type.
 * @returns SignedData, DER
 * @throws as signData
 */
export async function makeSignedData(data: DataToSign): Promise<Uint8Array> {
  const { contentType, content, signer } = data;
  const certificate = readCertificate(data.certificate);
  if (!sameBytes(certificate.subjectPublicKeyInfo, signer.publicKey))
    throw new Error('The certificate that would go along does not belong to the signing key.');
  const digest = digestOf(signer);
  const attributes = setOf(
    attribute(oid.contentType, contentType),
    attribute(oid.messageDigest, encode(tags.octetString, hash(digest, content, 'buffer'))),
    attribute(oid.signingTime, encodeTime(data.signingTime)),
  );
  const signature = await signOctets(attributes, signer);
  const signerInfo = encode(
    tags.sequence,
    version1,
    encodeCertificateIdentifier(issuerAndSerialNumberOf(certificate)),
    digestAlgorithmIdentifier(digest),
    asImplicit(0xa0, attributes),
    signatureAlgorithmIdentifier(signer.algorithm),
    encode(tags.octetString, signature),
  );
  return encode(
    tags.sequence,
    // RFC 5652 section 5.1: 3 wherever the content is not id-data, for want of newer parts.
    sameBytes(contentType, oid['id-data']) ? version1 : version3,
    setOf(digestAlgorithmIdentifier(digest)),
    encode(tags.sequence, contentType, encode(0xa0, encode(tags.octetString, content))),
    asImplicit(0xa0, setOf(data.certificate, ...(data.certificates ?? []))),
    setOf(signerInfo),
  );
}

/** The digest inside the signature; SHA-512 where the signature has its own (RFC 8419 section 3, RFC 9882 section 3.3). */
function digestOf({ algorithm }: Signer): Digest {
  return signatureHashOf[algorithm] ?? 'sha512';
}

function attribute(type: Uint8Array, value: Uint8Array): Uint8Array {
  return encode(tags.sequence, type, encode(tags.set, value));
}

/** SET OF: in ascending order of the encodings (X.690 section 11.6). */
function setOf(...elements: readonly Uint8Array[]): Uint8Array {
  return encode(tags.set, ...elements.toSorted((a, b) => Buffer.compare(a, b)));
}

/** The same element under an IMPLICIT tag. */
function asImplicit(tag: number, element: Uint8Array): Uint8Array {
  const tagged = Uint8Array.from(element);
  tagged[0] = tag;
  return tagged;
}
