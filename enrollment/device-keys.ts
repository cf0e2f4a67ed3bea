/**
 * Keys that devices decrypt with, registered ahead: a key made here can be sent under them (RFC 7030 section 4.4.1).
 */

import { readCertificate } from '../ca/certificate.ts';
import {
  type CertificateIdentifier,
  issuerAndSerialNumberOf,
} from '../ca/cms/certificate-identifier.ts';
import { mayReceiveKeys, type Recipient, readRecipientKey } from '../ca/cms/recipient-key.ts';
import { Refusal } from '../ca/refusal.ts';
import { SecretSeal } from './sealed-secret.ts';

export const deviceKeyKinds = ['shared-key', 'public-key', 'certificate'] as const;
export type DeviceKeyKind = (typeof deviceKeyKinds)[number];

export interface NewDeviceKey {
  readonly device: string;
  /** What the request names the key by (RFC 4108 section 2.2.5, RFC 7030 section 4.4.1.2); hexadecimal, lower case. */
  readonly id: string;
  readonly kind: DeviceKeyKind;
  /** The AES key, sealed; or the SubjectPublicKeyInfo or certificate, DER. */
  readonly material: Uint8Array;
}

export interface DeviceKey extends NewDeviceKey {
  readonly createdAt: Date;
}

/** Port. storage/ implements it. */
export interface DeviceKeys {
  add(key: NewDeviceKey, by: string, at: Date): Promise<'added' | 'exists' | 'unknown-device'>;
  find(device: string, id: string): Promise<DeviceKey | undefined>;
  /** By device and identifier. */
  list(filter: { device?: string; limit: number }): Promise<DeviceKey[]>;
  /** @returns whether there was one */
  remove(device: string, id: string, by: string, at: Date): Promise<boolean>;
}

const longestIdentifier = 64;

/** @throws TypeError with a sentence */
export function checkKeyIdentifier(hex: string): string {
  if (!/^([0-9a-f]{2})+$/i.test(hex) || hex.length > 2 * longestIdentifier)
    throw new TypeError(
      `A key identifier is 1 to ${longestIdentifier} octets in hexadecimal, not "${hex}".`,
    );
  return hex.toLowerCase();
}

const aesKeyLengths = [16, 24, 32];

/** Shared keys are kept sealed: who has the database alone has none of them. */
export class DeviceKeySecrets {
  readonly #seal: SecretSeal;

  constructor(pepper: Uint8Array) {
    this.#seal = new SecretSeal(pepper, 'device key');
  }

  /**
   * @param key an AES key-encryption key
   * @throws TypeError with a sentence when it has the size of none
   */
  seal(key: Uint8Array, { device, id }: Pick<DeviceKey, 'device' | 'id'>): Buffer {
    if (!aesKeyLengths.includes(key.length))
      throw new TypeError(`A shared key has 16, 24 or 32 octets, not ${key.length}.`);
    return this.#seal.seal(key, ownerOf(device, id));
  }

  /** @throws Error when it was not sealed here for this device and identifier */
  open({ device, id, material }: NewDeviceKey): Buffer {
    return this.#seal.open(material, ownerOf(device, id));
  }
}

/** Neither a device id nor hexadecimal has a blank. */
function ownerOf(device: string, id: string): string {
  return `${device} ${id}`;
}

/**
 * The key as recipient of an EnvelopedData. Who is done with a shared key overwrites it.
 * @throws Refusal unsupported-key, when it cannot or may not be used so; DerError, CertificateError
 */
export function recipientOf(key: NewDeviceKey, secrets: DeviceKeySecrets): Recipient {
  const keyIdentifier = Buffer.from(key.id, 'hex');
  switch (key.kind) {
    case 'shared-key':
      return { kind: 'shared-key', keyIdentifier, key: secrets.open(key) };
    case 'public-key': {
      const identifier: CertificateIdentifier = { kind: 'subjectKeyIdentifier', keyIdentifier };
      return { kind: 'public-key', identifier, key: readRecipientKey(key.material) };
    }
    case 'certificate':
      return certificateRecipient(key.material);
  }
}

function certificateRecipient(der: Uint8Array): Recipient {
  const certificate = readCertificate(der);
  const key = readRecipientKey(certificate.subjectPublicKeyInfo);
  if (!mayReceiveKeys(certificate, key))
    throw new Refusal(
      'unsupported-key',
      `The keyUsage of the certificate does not let its key receive keys; it needs ${key.kind === 'RSA' ? 'keyEncipherment' : 'keyAgreement'} (RFC 7030 section 4.4.1.2).`,
    );
  return { kind: 'public-key', identifier: issuerAndSerialNumberOf(certificate), key };
}
