/**
 * PKCS#10 in (RFC 2986, RFC 7030 section 4.2.1).
 */

import { hash as digest } from 'node:crypto';
import { type DerElement, DerError, readDer, tags } from './der.ts';
import { readDirectoryString } from './directory-string.ts';
import { type NameAttribute, readName } from './distinguished-name.ts';
import { readGeneralNames } from './general-names.ts';
import { type PublicKey, readPublicKey } from './key-rules.ts';
import { type ObjectIdentifier, octetsKey, oidName } from './object-identifiers.ts';
import { malformed } from './refusal.ts';
import { provePossession, type SignedOctets } from './request-signature.ts';

export interface CertificateRequest {
  /** Name, DER, as it stands in the request. */
  readonly subject: Uint8Array;
  readonly subjectAttributes: readonly NameAttribute[];
  /** Requested subjectAltName in canonical text, in its order; empty when none was requested. */
  readonly subjectAltNames: readonly string[];
  /** Attributes that state something to be verified; who calls has to verify what is there. */
  readonly challenges: Challenges;
  readonly publicKey: PublicKey;
  /** SHA-256 of the SubjectPublicKeyInfo, hexadecimal: the key's identity on record. */
  readonly publicKeyDigest: string;
}

/** RFC 7030 section 3.5 and RFC 7894 section 3.3, as text. */
export interface Challenges {
  readonly challengePassword?: string;
  readonly estIdentityLinking?: string;
}

interface SignedRequest extends CertificateRequest {
  readonly signed: SignedOctets;
}

/**
 * Reads one CertificationRequest and verifies that it was signed by the key it names.
 * @param der exactly the request, DER
 * @throws Refusal malformed-request, unsupported-key or bad-signature, each with its reason
 */
export async function parseCertificateRequest(der: Uint8Array): Promise<CertificateRequest> {
  const request = readRequest(der);
  await provePossession(request.signed, request.publicKey);
  return request;
}

function readRequest(der: Uint8Array): SignedRequest {
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
  const publicKey = readPublicKey(key);
  const byType = readAttributes(attributes);
  return {
    subject: subject.bytes,
    subjectAttributes: readName(subject),
    subjectAltNames: readRequestedNames(byType),
    challenges: {
      ...readChallenge(byType, 'challengePassword'),
      ...readChallenge(byType, 'estIdentityLinking'),
    },
    publicKey,
    publicKeyDigest: digestOf(key.bytes),
    signed: { octets: info.bytes, algorithm, signature: signature.content.subarray(1) },
  };
}

/** SHA-256, hexadecimal. */
export function digestOf(octets: Uint8Array): string {
  return digest('sha256', octets, 'hex');
}

/** Attributes by type, each at most once; the ones we know have exactly one value, others are ignored later. */
function readAttributes(attributes: DerElement | undefined): Map<string, DerElement> {
  const byType = new Map<string, DerElement>();
  if (!attributes) return byType;
  if (attributes.tag !== 0xa0) throw malformed('The attributes of the request are malformed.');
  for (const attribute of attributes.children) {
    const [type, values, surplus] = attribute.children;
    const [value, second] = values?.children ?? [];
    if (
      attribute.tag !== tags.sequence ||
      type?.tag !== tags.oid ||
      values?.tag !== tags.set ||
      surplus
    )
      throw malformed('An attribute of the request is malformed.');
    const name = oidName(type.bytes) ?? octetsKey(type.bytes);
    if (byType.has(name)) throw malformed(`The request has the attribute ${name} twice.`);
    const known = oidName(type.bytes) !== undefined;
    if (known && (!value || second))
      throw malformed(`The attribute ${name} must have exactly one value.`);
    byType.set(name, value ?? attribute);
  }
  refuseUnverifiedProofs(byType);
  return byType;
}

/** Attributes of RFC 7894 that must be verified when present: what nothing verifies must not look accepted. */
const unverified: readonly ObjectIdentifier[] = ['otpChallenge', 'revocationChallenge'];

function refuseUnverifiedProofs(attributes: ReadonlyMap<string, DerElement>): void {
  for (const proof of unverified)
    if (attributes.has(proof))
      throw malformed(
        `The request carries ${proof}, which this server does not verify yet; leave it out and authenticate with HTTP Basic or a client certificate.`,
      );
}

function readChallenge<Name extends keyof Challenges>(
  attributes: ReadonlyMap<string, DerElement>,
  name: Name,
): { readonly [K in Name]?: string } {
  const value = attributes.get(name);
  if (!value) return {};
  const text = readDirectoryString(value);
  if (text === undefined)
    throw malformed(`The attribute ${name} is not a DirectoryString of 1 to 255 characters.`);
  return { [name]: text } as { readonly [K in Name]?: string };
}

/** The subjectAltName asked for in extensionRequest (RFC 2985 section 5.4.2); other extensions are the profile's affair. */
function readRequestedNames(attributes: ReadonlyMap<string, DerElement>): string[] {
  const standard = attributes.get('extensionRequest');
  if (standard && attributes.has('microsoftExtensionRequest'))
    throw malformed('The request asks for extensions in two places.');
  const extensions = standard ?? attributes.get('microsoftExtensionRequest');
  if (!extensions) return [];
  if (extensions.tag !== tags.sequence || extensions.children.length === 0)
    throw malformed('The requested extensions are malformed.');
  const seen = new Set<string>();
  let names: string[] = [];
  for (const extension of extensions.children) {
    const [type, ...rest] = extension.children;
    const value = rest.at(-1);
    const critical = rest.length === 2 ? rest[0] : undefined;
    if (
      type?.tag !== tags.oid ||
      value?.tag !== tags.octetString ||
      rest.length > 2 ||
      (critical && critical.tag !== tags.boolean)
    )
      throw malformed('A requested extension is malformed.');
    const key = octetsKey(type.bytes);
    if (seen.has(key)) throw malformed('The request asks for the same extension twice.');
    seen.add(key);
    if (oidName(type.bytes) === 'subjectAltName')
      names = readGeneralNames(readInner(value.content));
  }
  return names;
}

function readInner(content: Uint8Array): DerElement {
  try {
    return readDer(content);
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw malformed(`A requested extension is not DER: ${cause.message}.`, { cause });
  }
}
