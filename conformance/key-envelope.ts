import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { attribute, ecKey, ecKeyOn, type Key, rsaKey } from './certificate-requests.ts';
import { type Element, parseBer } from './der.ts';
import { explicit, nullValue, objectIdentifier, octetString, sequence } from './der-writer.ts';
import type { EstServer } from './est-server.ts';
import type { HttpAnswer } from './http-answer.ts';
import { asksForKey, delivered, type KeyDelivery } from './key-delivery.ts';
import { openssl } from './openssl.ts';

export const SECRET_KEY_IDENTIFIER = '1.2.840.113549.1.9.16.2.37';
export const PUBLIC_KEY_IDENTIFIER = '1.2.840.113549.1.9.16.2.54';
const SIGNED_DATA = '1.2.840.113549.1.7.2';
export const ENVELOPED_DATA = '1.2.840.113549.1.7.3';
const AES = '2.16.840.1.101.3.4.1';
export const AES_192_CBC = `${AES}.22`;
export const AES_256_CBC = `${AES}.42`;
export const AES_192_GCM = `${AES}.26`;
export const AES_256_GCM = `${AES}.46`;

/** What the key of the device is: an AES key of 256 bits, RSA of 2048, or on a curve. */
export type Protection = 'shared' | 'rsa' | 'p256' | 'p384';

export const identifier = (type: string, id: Buffer) => attribute(type, octetString(id));

/** SMIMECapabilities (RFC 8551 section 2.5.2), each with its parameters if it has any. */
export function capabilities(...algorithms: (string | readonly [string, Buffer])[]): Buffer {
  const each = algorithms.map((named) => {
    const [type, parameters] = typeof named === 'string' ? [named] : named;
    return sequence(objectIdentifier(type), ...(parameters ? [parameters] : []));
  });
  return attribute('1.2.840.113549.1.9.15', sequence(...each));
}

/** Content encryption, key wrapping, key transport and key agreement (RFC 5753 section 7) that OpenSSL can undo. */
export const offeredAlgorithms = [
  ...[AES_256_CBC, AES_192_CBC, `${AES}.2`, `${AES}.45`, `${AES}.25`, `${AES}.5`],
  '1.2.840.113549.1.1.7',
  ...['1', '2'].map((last): readonly [string, Buffer] => [
    `1.3.132.1.11.${last}`,
    sequence(objectIdentifier(`${AES}.45`)),
  ]),
] as const;
export const everything = () => capabilities(...offeredAlgorithms);
export const onlyTripleDes = () =>
  capabilities('1.2.840.113549.3.7', ['1.2.840.113549.1.9.16.3.6', nullValue()]);

/** Self-signed, PEM, with the key usage given. */
export async function recipientCertificate(key: Key, usage: string): Promise<string> {
  const pem = key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const { code, octets, output } = await openssl(
    [
      ...['req', '-x509', '-new', '-key', '{key}', '-days', '30', '-subj', '/CN=decrypts'],
      ...['-addext', `keyUsage=critical,${usage}`],
    ],
    { key: pem },
  );
  assert.equal(code, 0, output);
  return octets.toString();
}

/** A key of the device that the server has been told of. */
export interface Recipient {
  readonly id: Buffer;
  readonly type: typeof SECRET_KEY_IDENTIFIER | typeof PUBLIC_KEY_IDENTIFIER;
  readonly sharedKey?: Buffer;
  /** PEM, the certificate after its private key. */
  readonly keyAndCertificate?: string;
  readonly certificate?: string;
}

export async function registersKey(
  server: EstServer,
  device: string,
  protection: Protection,
): Promise<Recipient> {
  const id = randomBytes(8);
  if (protection === 'shared') {
    const sharedKey = randomBytes(32);
    await server.commands.registerDecryptionKey(device, { id, sharedKey });
    return { id, type: SECRET_KEY_IDENTIFIER, sharedKey };
  }
  const make = { rsa: () => rsaKey(2048), p256: ecKey, p384: () => ecKeyOn('P-384') };
  const key = make[protection]();
  const usage = protection === 'rsa' ? 'keyEncipherment' : 'keyAgreement';
  const certificate = await recipientCertificate(key, usage);
  await server.commands.registerDecryptionKey(device, { id, certificate });
  const pem = key.privateKey.export({ type: 'pkcs8', format: 'pem' });
  return {
    id,
    type: PUBLIC_KEY_IDENTIFIER,
    certificate,
    keyAndCertificate: `${pem}${certificate}`,
  };
}

/** Asks for a key under one that is registered, or under none, with these attributes. */
export function asksWith(view: EstServer, ...attributes: Buffer[]): Promise<HttpAnswer> {
  return asksForKey(view, { attributes: attributes.sort(Buffer.compare) });
}

export interface EncryptedDelivery extends KeyDelivery {
  readonly recipient: Recipient;
  readonly envelope: Envelope;
}

const encrypted = new WeakMap<EstServer, Map<Protection, Promise<EncryptedDelivery>>>();

/** A key that only the device can open; asked for once for each kind of protection. */
export function encryptedDelivery(
  server: EstServer,
  protection: Protection,
): Promise<EncryptedDelivery> {
  const view = server.label('encrypted-keys');
  const known = encrypted.get(view) ?? new Map<Protection, Promise<EncryptedDelivery>>();
  encrypted.set(view, known);
  const delivery = known.get(protection) ?? ask(view, protection);
  known.set(protection, delivery);
  return delivery;
}

async function ask(view: EstServer, protection: Protection): Promise<EncryptedDelivery> {
  const { device } = await view.applicant();
  const recipient = await registersKey(view, device, protection);
  const request = ecKey();
  const attributes = [identifier(recipient.type, recipient.id), everything()].sort(Buffer.compare);
  const answer = await asksForKey(view, { attributes }, undefined, request);
  const what = `POST /serverkeygen for a key under ${protection}`;
  const delivery = delivered(answer, request, what);
  return { ...delivery, recipient, envelope: readEnvelope(delivery.key) };
}

/** EnvelopedData (RFC 5652 section 6.1). */
export interface Envelope {
  readonly version: Element;
  readonly recipientInfo: Element;
  readonly contentType: Element | undefined;
  readonly contentEncryption: Element | undefined;
}

export function readEnvelope(der: Buffer): Envelope {
  const [type, wrapper] = parseBer(der).children;
  assert.ok(type?.encoded.equals(objectIdentifier(ENVELOPED_DATA)), 'it is no EnvelopedData');
  const [version, ...rest] = wrapper?.children[0]?.children ?? [];
  const recipients = rest.find(({ tag }) => tag === 0x31);
  const content = rest.find(({ tag }) => tag === 0x30);
  const [recipientInfo, ...others] = recipients?.children ?? [];
  assert.ok(version && recipientInfo && content, 'EnvelopedData is not complete');
  assert.equal(others.length, 0, 'there is more than one recipient');
  const [contentType, algorithm] = content.children;
  return { version, recipientInfo, contentType, contentEncryption: algorithm?.children[0] };
}

/** KeyEncryptionAlgorithmIdentifier: the third field, in kari the one after originator and perhaps ukm. */
export function keyEncryption({ recipientInfo }: Envelope): Element | undefined {
  const { children } = recipientInfo;
  return recipientInfo.tag === 0xa1
    ? children.slice(1).find(({ tag }) => tag === 0x30)
    : children[2];
}

/** The SignedData inside as a ContentInfo, which RFC 7030 leaves open and OpenSSL wants. */
export async function openEnvelope({ key, recipient }: EncryptedDelivery): Promise<Buffer> {
  const { sharedKey, keyAndCertificate = '', id } = recipient;
  const opener = sharedKey
    ? ['-secretkey', sharedKey.toString('hex'), '-secretkeyid', id.toString('hex')]
    : ['-recip', '{recipient}'];
  const { code, octets, output } = await openssl(
    ['cms', '-decrypt', '-binary', '-inform', 'DER', '-in', '{envelope}', ...opener],
    { envelope: key, recipient: keyAndCertificate },
  );
  assert.equal(code, 0, `openssl cms -decrypt: ${output}`);
  const [first] = parseBer(octets).children;
  return first?.tag === 0x06
    ? octets
    : sequence(objectIdentifier(SIGNED_DATA), explicit(0, octets));
}
