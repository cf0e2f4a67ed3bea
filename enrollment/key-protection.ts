/**
 * How a key that is made here is protected on its way to its device, beyond TLS (RFC 7030 section 4.4.1): what the request
 * asks for, what the group demands. It is settled before there is a key.
 */

import { chooseAlgorithms, type EnvelopeAlgorithms } from '../ca/cms/envelope-algorithms.ts';
import type { Recipient } from '../ca/cms/recipient-key.ts';
import { readSmimeCapabilities } from '../ca/cms/smime-capabilities.ts';
import { tags } from '../ca/der.ts';
import { octetsKey } from '../ca/object-identifiers.ts';
import { malformed, Refusal } from '../ca/refusal.ts';
import type { RequestAttributes } from '../ca/request-attributes.ts';
import {
  type DeviceKey,
  type DeviceKeyKind,
  type DeviceKeySecrets,
  type DeviceKeys,
  recipientOf,
} from './device-keys.ts';
import type { EnrollmentRefusalCode } from './refusal.ts';

export type KeyProtection =
  | { readonly kind: 'tls-alone' }
  | {
      readonly kind: 'enveloped';
      readonly recipient: Recipient;
      readonly algorithms: EnvelopeAlgorithms;
    };

export interface KeyProtectionParts {
  readonly deviceKeys: DeviceKeys;
  readonly deviceKeySecrets: DeviceKeySecrets;
}

/** The key that a request names to be decrypted with. */
export interface NamedKey {
  readonly attribute: keyof typeof kindsFor;
  /** Hexadecimal. */
  readonly id: string;
}

const kindsFor: Readonly<
  Record<'decryptKeyIdentifier' | 'asymmetricDecryptKeyIdentifier', readonly DeviceKeyKind[]>
> = {
  decryptKeyIdentifier: ['shared-key'],
  asymmetricDecryptKeyIdentifier: ['public-key', 'certificate'],
};

/**
 * Reads DecryptKeyIdentifier (RFC 4108 section 2.2.5) or AsymmetricDecryptKeyIdentifier (RFC 7030 section 4.4.1.2).
 * @throws Refusal malformed-request
 */
export function namedKeyIn(request: Pick<RequestAttributes, 'attributes'>): NamedKey | undefined {
  const symmetric = namedBy('decryptKeyIdentifier', request);
  const asymmetric = namedBy('asymmetricDecryptKeyIdentifier', request);
  if (symmetric && asymmetric)
    throw malformed(
      'The request names both a secret key and a public key to encrypt with; name one (RFC 7030 section 4.4.1).',
    );
  const named = symmetric ?? asymmetric;
  if (!named && request.attributes.has('smimeCapabilities'))
    throw malformed(
      'The request has smimeCapabilities, but names no key to encrypt with: add decryptKeyIdentifier or asymmetricDecryptKeyIdentifier, or leave them out (RFC 7030 section 4.4.1).',
    );
  return named;
}

function namedBy(
  attribute: NamedKey['attribute'],
  { attributes }: Pick<RequestAttributes, 'attributes'>,
): NamedKey | undefined {
  const value = attributes.get(attribute);
  if (!value) return undefined;
  if (value.tag !== tags.octetString || value.content.length === 0)
    throw malformed(`The attribute ${attribute} is not an OCTET STRING.`);
  return { attribute, id: octetsKey(value.content) };
}

/**
 * @throws Refusal malformed-request, unknown-decryption-key, no-common-algorithm, unsupported-key
 */
export async function protectionFor(
  named: NamedKey,
  device: string,
  { attributes }: Pick<RequestAttributes, 'attributes'>,
  { deviceKeys, deviceKeySecrets }: KeyProtectionParts,
): Promise<KeyProtection> {
  const capabilities = attributes.get('smimeCapabilities');
  if (!capabilities)
    throw malformed(
      `With ${named.attribute} the request must have smimeCapabilities: the algorithms that the device can decrypt with (RFC 7030 section 4.4.1).`,
    );
  const offered = readSmimeCapabilities(capabilities);
  const key = await deviceKeys.find(device, named.id);
  if (!key || !kindsFor[named.attribute].includes(key.kind))
    throw refused(
      'unknown-decryption-key',
      `No key ${named.id} is registered for this device and ${named.attribute}.`,
    );
  const recipient = recipientOf(key, deviceKeySecrets);
  const algorithms = chooseAlgorithms(recipient, offered);
  if (!algorithms) throw refused('no-common-algorithm', `${noneFits[techniqueOf(key, recipient)]}`);
  return { kind: 'enveloped', recipient, algorithms };
}

function refused(code: EnrollmentRefusalCode, message: string): Refusal<EnrollmentRefusalCode> {
  return new Refusal(code, message);
}

const noneFits = {
  kekri:
    'The smimeCapabilities of the request hold no algorithm for this secret key: AES key wrap of its size, and no content cipher weaker than it.',
  ktri: 'The smimeCapabilities of the request hold no algorithm for this RSA key: RSAES-OAEP with SHA-256, and no content cipher weaker than the key.',
  kari: 'The smimeCapabilities of the request hold no algorithm for this key: AES key wrap, alone or with ECDH and a KDF of SHA-256, SHA-384 or SHA-512, and no wrap or content cipher weaker than the key.',
} as const;

function techniqueOf({ kind }: DeviceKey, recipient: Recipient): keyof typeof noneFits {
  if (kind === 'shared-key' || recipient.kind === 'shared-key') return 'kekri';
  return recipient.key.kind === 'RSA' ? 'ktri' : 'kari';
}
