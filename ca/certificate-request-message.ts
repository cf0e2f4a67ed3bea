/**
 * CRMF in (RFC 4211), as far as CMC takes it (RFC 5272 section 3.2.1.2.2, RFC 5274 section 4.3): the same request as PKCS#10,
 * for keys that can sign and for keys that cannot.
 */

import { digestOf, type Possession, type RequestWithPossession } from './certificate-request.ts';
import { type DerElement, DerError, encode, readDer, sameBytes, tags } from './der.ts';
import { readName, sameName } from './distinguished-name.ts';
import { readPublicKey } from './key-rules.ts';
import { type ObjectIdentifier, oid, oidName } from './object-identifiers.ts';
import { malformed } from './refusal.ts';
import { readRequestAttributes } from './request-attributes.ts';
import { provePossession } from './request-signature.ts';

/**
 * Reads a CertReqMsg, and verifies its signature where it has one.
 * @param parts the elements of the CertReqMsg: certReq, popo
 * @param issuer Name of this CA, DER: a request that names another CA is none for us
 * @throws Refusal malformed-request, unsupported-key, bad-signature
 */
export async function parseCertificateRequestMessage(
  parts: readonly DerElement[],
  issuer: Uint8Array,
): Promise<RequestWithPossession> {
  const [certReq, ...rest] = parts;
  const popo = rest[0] && rest[0].tag !== tags.sequence ? rest.shift() : undefined;
  if (rest.length > 0)
    throw malformed(
      'The CRMF request has regInfo, which CMC forbids (RFC 5272 section 3.2.1.2.2).',
    );
  const [id, template, controls, surplus] = certReq?.children ?? [];
  if (
    certReq?.tag !== tags.sequence ||
    id?.tag !== tags.integer ||
    template?.tag !== tags.sequence ||
    (controls && controls.tag !== tags.sequence) ||
    surplus
  )
    throw malformed('The CRMF request is malformed (RFC 4211 section 5).');
  const { subject, key, extensions } = readTemplate(template, issuer);
  const publicKey = readPublicKey(key);
  const content = {
    subject: subject.bytes,
    subjectAttributes: readName(subject),
    ...readRequestAttributes(asAttributes(controls, extensions)),
    publicKeyDigest: digestOf(key.bytes),
    publicKey,
  };
  const proof = readProof(popo);
  if (typeof proof === 'string') return { request: content, possession: proof };
  await provePossession({ octets: certReq.bytes, ...proof }, publicKey);
  const signatureAlgorithm = proof.algorithm.bytes;
  return { request: { ...content, signatureAlgorithm }, possession: 'by-signature' };
}

interface Template {
  readonly subject: DerElement;
  /** SubjectPublicKeyInfo. */
  readonly key: DerElement;
  readonly extensions: DerElement | undefined;
}

const version3 = '2';
const templateTags = {
  version: 0x80,
  issuer: 0xa3,
  validity: 0xa4,
  subject: 0xa5,
  publicKey: 0xa6,
  extensions: 0xa9,
} as const;
const knownTemplateTags: ReadonlySet<number> = new Set(Object.values(templateTags));

/** CertTemplate (RFC 4211 section 5). A validity that is asked for is the profile's affair, as with PKCS#10 it cannot be asked for. */
function readTemplate({ children }: DerElement, issuer: Uint8Array): Template {
  const numbers = children.map(({ tag }) => tag & 0x1f);
  if (numbers.some((number, i) => number <= (numbers[i - 1] ?? -1)))
    throw malformed('The template of the CRMF request is malformed (RFC 4211 section 5).');
  if (children.some(({ tag }) => !knownTemplateTags.has(tag)))
    throw malformed(
      'The template of the CRMF request has a field that the CA alone decides (RFC 4211 section 5).',
    );
  const field = (tag: number) => children.find((child) => child.tag === tag);
  const [subject, second] = field(templateTags.subject)?.children ?? [];
  const key = field(templateTags.publicKey);
  if (!subject || second || !key)
    throw malformed(
      'The CRMF request must have a subject, which may be empty, and a public key (RFC 5272 section 3.2.1.2.2).',
    );
  const version = field(templateTags.version);
  if (version && version.content.join() !== version3)
    throw malformed('The CRMF request is for a certificate of another version than 3.');
  const [named] = field(templateTags.issuer)?.children ?? [];
  if (field(templateTags.issuer) && !(named && sameName(named.bytes, issuer)))
    throw malformed('The CRMF request names another issuer than this CA.');
  return { subject, key: withTag(tags.sequence, key), extensions: field(templateTags.extensions) };
}

/** The element that an IMPLICIT tag stands in place of. */
function withTag(tag: number, element: DerElement): DerElement {
  const bytes = Uint8Array.from(element.bytes);
  bytes[0] = tag;
  return readDer(bytes);
}

/** Controls and extensions as the attributes that PKCS#10 has for them, so that one set of rules reads both. */
function asAttributes(
  controls: DerElement | undefined,
  extensions: DerElement | undefined,
): DerElement {
  const attributes = (controls?.children ?? []).map(asAttribute);
  if (extensions)
    attributes.push(
      encode(
        tags.sequence,
        oid.extensionRequest,
        encode(tags.set, withTag(tags.sequence, extensions).bytes),
      ),
    );
  try {
    return readDer(encode(0xa0, ...attributes));
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw malformed('The CRMF request has more controls than any use of it needs.', { cause });
  }
}

/** Attributes that a request may carry as controls. */
const supportedControls = new Set<ObjectIdentifier | undefined>([
  'challengePassword',
  'estIdentityLinking',
  'otpChallenge',
  'revocationChallenge',
  'changeSubjectName',
  'popLinkWitnessV2',
]);

/** AttributeTypeAndValue as Attribute. Controls change what is issued (RFC 4211 section 6), so none may go unheard. */
function asAttribute({ tag, children }: DerElement): Uint8Array {
  const [type, value, surplus] = children;
  if (tag !== tags.sequence || type?.tag !== tags.oid || !value || surplus)
    throw malformed('A control of the CRMF request is malformed (RFC 4211 section 6).');
  if (!supportedControls.has(oidName(type.bytes)))
    throw malformed(
      'The CRMF request has a control that is not supported here (RFC 4211 section 6, RFC 5274 section 4.3).',
    );
  return encode(tags.sequence, type.bytes, encode(tags.set, value.bytes));
}

interface SignatureProof {
  readonly algorithm: DerElement;
  readonly signature: Uint8Array;
}

/** ProofOfPossession (RFC 4211 section 4), in the forms that CMC leaves. */
function readProof(popo: DerElement | undefined): SignatureProof | Possession {
  switch (popo?.tag) {
    case undefined:
      return 'unproven';
    case 0x80:
      return 'vouched-for-by-ra';
    case 0xa1:
      return readSigningKeyProof(popo);
    case 0xa2:
    case 0xa3:
      requireChallenge(popo);
      return 'unproven';
    default:
      throw malformed('The CRMF request has no known proof of possession (RFC 4211 section 4).');
  }
}

/** POPOSigningKey, without POPOSigningKeyInput: subject and key stand in the request (RFC 5272 section 3.2.1.2.2). */
function readSigningKeyProof({ children }: DerElement): SignatureProof {
  const [algorithm, signature, surplus] = children;
  if (
    algorithm?.tag !== tags.sequence ||
    signature?.tag !== tags.bitString ||
    signature.content[0] !== 0 ||
    surplus
  )
    throw malformed(
      'The signature of the CRMF request is malformed, or has a POPOSigningKeyInput, which CMC forbids (RFC 5272 section 3.2.1.2.2).',
    );
  return { algorithm, signature: signature.content.subarray(1) };
}

/** subsequentMessage [1] with challengeResp(1). */
const challengeResponse = Uint8Array.of(0x81, 1, 1);

/** POPOPrivKey: of its choices CMC leaves the challenge (RFC 5272 sections 3.2.1.2.2 and 6.7). */
function requireChallenge({ children }: DerElement): void {
  const [choice, surplus] = children;
  if (!choice || surplus || !sameBytes(choice.bytes, challengeResponse))
    throw malformed(
      'Possession of a key that does not sign is proven here by a challenge only: subsequentMessage with challengeResp (RFC 5272 section 6.7).',
    );
}
