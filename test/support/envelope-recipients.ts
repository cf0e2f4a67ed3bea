/**
 * Recipients of an EnvelopedData, with what opens it.
 */

import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { issuerAndSerialNumberOf } from '../../ca/cms/certificate-identifier.ts';
import {
  type Recipient,
  type RecipientKeyKind,
  readRecipientKey,
} from '../../ca/cms/recipient-key.ts';
import type { SmimeCapability } from '../../ca/cms/smime-capabilities.ts';
import { type ObjectIdentifier, oid } from '../../ca/object-identifiers.ts';
import { commonName, spkiOf } from './forged-request.ts';

const pairs: Record<RecipientKeyKind, () => { publicKey: KeyObject; privateKey: KeyObject }> = {
  RSA: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'P-256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'P-384': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'P-521': () => generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  X25519: () => generateKeyPairSync('x25519'),
};

export const recipientKeyKinds = Object.keys(pairs) as RecipientKeyKind[];

export type PublicKeyRecipient = Extract<Recipient, { kind: 'public-key' }>;

/** A recipient known by a subject key identifier, or by an issuer and serial number. */
export function makeRecipient(
  kind: RecipientKeyKind,
  by: 'subjectKeyIdentifier' | 'issuerAndSerialNumber' = 'subjectKeyIdentifier',
): { recipient: PublicKeyRecipient; privateKey: KeyObject } {
  const { publicKey, privateKey } = pairs[kind]();
  const identifier =
    by === 'subjectKeyIdentifier'
      ? { kind: by, keyIdentifier: Buffer.from('0123456789') }
      : issuerAndSerialNumberOf({ issuer: commonName('Device CA'), serialNumber: '0102' });
  const key = readRecipientKey(spkiOf(publicKey));
  return { recipient: { kind: 'public-key', identifier, key }, privateKey };
}

export function makeSharedKeyRecipient(
  bits: 128 | 192 | 256,
): Extract<Recipient, { kind: 'shared-key' }> {
  return {
    kind: 'shared-key',
    keyIdentifier: Buffer.from('device-kek-1'),
    key: randomBytes(bits / 8),
  };
}

export const capabilitiesOf = (...names: readonly ObjectIdentifier[]): SmimeCapability[] =>
  names.map((name) => ({ type: oid[name] }));
