/**
 * Which algorithms an EnvelopedData is made with, chosen from what its recipient says it can do.
 */

import { type DerElement, encode, encodeOid, sameBytes, tags } from '../der.ts';
import { type ObjectIdentifier, octetsKey, oid } from '../object-identifiers.ts';
import { type Digest, readDigestAlgorithm } from './digest-algorithm.ts';
import type { AesBits, Recipient, RecipientKeyKind } from './recipient-key.ts';
import type { SmimeCapability } from './smime-capabilities.ts';

/** Key agreement with its key derivation: X9.63 (RFC 5753 section 7.1.4) or HKDF (RFC 8418 section 2.2). */
export const keyAgreementSchemes = {
  'dhSinglePass-stdDH-sha256kdf-scheme': { kdf: 'X9.63', digest: 'sha256' },
  'dhSinglePass-stdDH-sha384kdf-scheme': { kdf: 'X9.63', digest: 'sha384' },
  'dhSinglePass-stdDH-sha512kdf-scheme': { kdf: 'X9.63', digest: 'sha512' },
  'dhSinglePass-stdDH-hkdf-sha256-scheme': { kdf: 'HKDF', digest: 'sha256' },
  'dhSinglePass-stdDH-hkdf-sha384-scheme': { kdf: 'HKDF', digest: 'sha384' },
  'dhSinglePass-stdDH-hkdf-sha512-scheme': { kdf: 'HKDF', digest: 'sha512' },
} as const satisfies Partial<
  Record<ObjectIdentifier, { readonly kdf: 'X9.63' | 'HKDF'; readonly digest: Digest }>
>;
export type KeyAgreementScheme = keyof typeof keyAgreementSchemes;

/** How the content key reaches its recipient (RFC 5652 section 6.2). */
export type KeyManagement =
  | { readonly technique: 'kekri'; readonly wrap: AesBits }
  /** RSAES-OAEP with SHA-256 throughout (RFC 4055 section 4.1). */
  | { readonly technique: 'ktri' }
  | { readonly technique: 'kari'; readonly scheme: KeyAgreementScheme; readonly wrap: AesBits };

export interface EnvelopeAlgorithms {
  readonly keyManagement: KeyManagement;
  /** The content is encrypted with AES of this size in CBC mode (RFC 3565). */
  readonly content: AesBits;
}

const strongestFirst: readonly AesBits[] = [256, 192, 128];

/** The digest of the curve's own size first; each of them is strong enough for every wrap. */
const schemesFor: Record<Exclude<RecipientKeyKind, 'RSA'>, readonly KeyAgreementScheme[]> = {
  'P-256': [
    'dhSinglePass-stdDH-sha256kdf-scheme',
    'dhSinglePass-stdDH-sha384kdf-scheme',
    'dhSinglePass-stdDH-sha512kdf-scheme',
  ],
  'P-384': [
    'dhSinglePass-stdDH-sha384kdf-scheme',
    'dhSinglePass-stdDH-sha512kdf-scheme',
    'dhSinglePass-stdDH-sha256kdf-scheme',
  ],
  'P-521': [
    'dhSinglePass-stdDH-sha512kdf-scheme',
    'dhSinglePass-stdDH-sha384kdf-scheme',
    'dhSinglePass-stdDH-sha256kdf-scheme',
  ],
  X25519: [
    'dhSinglePass-stdDH-hkdf-sha256-scheme',
    'dhSinglePass-stdDH-hkdf-sha384-scheme',
    'dhSinglePass-stdDH-hkdf-sha512-scheme',
    'dhSinglePass-stdDH-sha256kdf-scheme',
    'dhSinglePass-stdDH-sha384kdf-scheme',
    'dhSinglePass-stdDH-sha512kdf-scheme',
  ],
};

/**
 * Chooses in our order of preference among the recipient's capabilities, none weaker than its key.
 * @returns undefined when nothing fits both sides
 */
export function chooseAlgorithms(
  recipient: Recipient,
  capabilities: readonly SmimeCapability[],
): EnvelopeAlgorithms | undefined {
  const keyManagement = chooseKeyManagement(recipient, capabilities);
  if (!keyManagement) return undefined;
  const strength = strengthOf(recipient);
  const content = chooseContent(strength, keyManagement, capabilities);
  return content && { keyManagement, content };
}

function strengthOf(recipient: Recipient): AesBits {
  if (recipient.kind === 'public-key') return recipient.key.strength;
  return strongestFirst.find((bits) => bits <= recipient.key.length * 8) ?? 128;
}

function chooseKeyManagement(
  recipient: Recipient,
  capabilities: readonly SmimeCapability[],
): KeyManagement | undefined {
  if (recipient.kind === 'shared-key') {
    // The key is what it is: its wrap has its size.
    const wrap = strongestFirst.find((bits) => bits === recipient.key.length * 8);
    return wrap && offers(capabilities, `id-aes${wrap}-wrap`)
      ? { technique: 'kekri', wrap }
      : undefined;
  }
  const { kind, strength } = recipient.key;
  if (kind === 'RSA')
    return capabilities.some(isOaepWithSha256) ? { technique: 'ktri' } : undefined;
  for (const scheme of schemesFor[kind])
    for (const wrap of strongestFirst)
      if (wrap >= strength && offersAgreement(capabilities, scheme, wrap))
        return { technique: 'kari', scheme, wrap };
  return undefined;
}

/** Where no content cipher is named, it is AES in the size of the key that protects its key. */
function chooseContent(
  strength: AesBits,
  keyManagement: KeyManagement,
  capabilities: readonly SmimeCapability[],
): AesBits | undefined {
  const named = strongestFirst.filter((bits) => offers(capabilities, `aes${bits}-CBC`));
  if (named.length > 0) return named.find((bits) => bits >= strength);
  return keyManagement.technique === 'ktri' ? strength : keyManagement.wrap;
}

function offers(capabilities: readonly SmimeCapability[], name: ObjectIdentifier): boolean {
  return capabilities.some((capability) => sameBytes(capability.type, oid[name]));
}

/**
 * A scheme is offered with one wrap, which is its parameter (RFC 5753 section 6), or without, with every wrap of the
 * list. RFC 7030 section 4.4.2 speaks of wraps alone: a list that names no scheme at all offers all of ours.
 */
function offersAgreement(
  capabilities: readonly SmimeCapability[],
  scheme: KeyAgreementScheme,
  wrap: AesBits,
): boolean {
  const wrapName = `id-aes${wrap}-wrap` as const;
  const named = capabilities.filter(({ type }) => isKeyAgreement(type));
  if (named.length === 0) return offers(capabilities, wrapName);
  return named.some(
    ({ type, parameters }) =>
      sameBytes(type, oid[scheme]) &&
      (parameters
        ? sameBytes(parameters.children[0]?.bytes ?? parameters.bytes, oid[wrapName])
        : offers(capabilities, wrapName)),
  );
}

/** The arcs of RFC 5753 section 7.1.4: what stands there is key agreement, ours or not. */
const keyAgreementArcs = ['1.3.132.1', '1.3.133.16.840.63.0'].map((arc) =>
  octetsKey(encodeOid(arc).subarray(2)),
);

function isKeyAgreement(type: Uint8Array): boolean {
  const arcs = octetsKey(type.subarray(2));
  return (
    keyAgreementArcs.some((arc) => arcs.startsWith(arc)) ||
    Object.keys(keyAgreementSchemes).some((name) =>
      sameBytes(type, oid[name as KeyAgreementScheme]),
    )
  );
}

const sha256WithNull = encode(tags.sequence, oid['id-sha256'], encode(tags.null));
const mgf1WithSha256 = encode(tags.sequence, oid['id-mgf1'], sha256WithNull);

/** RSAES-OAEP-params for SHA-256 throughout, and an empty label (RFC 4055 section 4.1). */
export const oaepParameters = encode(
  tags.sequence,
  encode(0xa0, sha256WithNull),
  encode(0xa1, mgf1WithSha256),
);

/** RSAES-OAEP without parameters leaves the digest to us; with parameters, they have to say SHA-256 twice. */
function isOaepWithSha256({ type, parameters }: SmimeCapability): boolean {
  if (!sameBytes(type, oid['id-RSAES-OAEP'])) return false;
  if (!parameters) return true;
  const [digest, mask, surplus] = parameters.children;
  return (
    digest?.tag === 0xa0 &&
    readDigestAlgorithm(digest.children[0]) === 'sha256' &&
    mask?.tag === 0xa1 &&
    isMgf1WithSha256(mask.children[0]) &&
    !surplus
  );
}

function isMgf1WithSha256(generator: DerElement | undefined): boolean {
  const [type, digest] = generator?.children ?? [];
  return (
    type !== undefined &&
    sameBytes(type.bytes, oid['id-mgf1']) &&
    readDigestAlgorithm(digest) === 'sha256'
  );
}
