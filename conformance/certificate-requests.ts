import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  bitString,
  booleanTrue,
  integer,
  nullValue,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  tlv,
  utf8String,
} from './der-writer.ts';

export interface Key {
  readonly privateKey: KeyObject;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Buffer;
}

export interface RequestContents {
  /** Each a whole Attribute, in this order; 'omitted' leaves out even the empty set. */
  readonly attributes?: readonly Buffer[] | 'omitted';
  /** Stands in the request in place of the key's own SubjectPublicKeyInfo. */
  readonly publicKey?: Buffer;
  readonly hash?: 'sha1' | 'sha256';
}

function keyOf(pair: { publicKey: KeyObject; privateKey: KeyObject }): Key {
  return {
    privateKey: pair.privateKey,
    publicKey: pair.publicKey.export({ type: 'spki', format: 'der' }),
  };
}

export const ecKeyOn = (namedCurve: string) => keyOf(generateKeyPairSync('ec', { namedCurve }));
export const ecKey = () => ecKeyOn('P-256');
export const rsaKey = (modulusLength: number) =>
  keyOf(generateKeyPairSync('rsa', { modulusLength }));
export const ed25519Key = () => keyOf(generateKeyPairSync('ed25519'));
export const x25519Key = () => keyOf(generateKeyPairSync('x25519'));
export const explicitParametersKey = () =>
  keyOf(generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }));

export function commonName(text: string, string: (text: string) => Buffer = utf8String): Buffer {
  return sequence(setOf(sequence(objectIdentifier('2.5.4.3'), string(text))));
}

export function attribute(type: string, ...values: Buffer[]): Buffer {
  return sequence(objectIdentifier(type), setOf(...values));
}

export function extension(type: string, value: Buffer, critical = false): Buffer {
  const flag = critical ? [booleanTrue()] : [];
  return sequence(objectIdentifier(type), ...flag, octetString(value));
}

export function extensionRequest(...extensions: Buffer[]): Buffer {
  return attribute('1.2.840.113549.1.9.14', sequence(...extensions));
}

export function dnsNames(...names: string[]): Buffer {
  return extension(
    '2.5.29.17',
    sequence(...names.map((name) => tlv(0x82, Buffer.from(name, 'latin1')))),
  );
}

export function extendedKeyUsage(...purposes: string[]): Buffer {
  return extension('2.5.29.37', sequence(...purposes.map(objectIdentifier)));
}

/** CertificationRequest (RFC 2986 section 4.2), signed with the key. A string as subject is one common name. */
export function certificateRequest(
  subject: string | Buffer,
  key: Key,
  contents: RequestContents = {},
): Buffer {
  const attributes = contents.attributes ?? [];
  const information = sequence(
    integer(0),
    typeof subject === 'string' ? commonName(subject) : subject,
    contents.publicKey ?? key.publicKey,
    ...(attributes === 'omitted' ? [] : [tlv(0xa0, ...attributes)]),
  );
  return signed(information, key, contents.hash);
}

/** To-be-signed bytes, algorithm and signature, as both requests and certificates have them. */
export function signed(toBeSigned: Buffer, key: Key, hash: 'sha1' | 'sha256' = 'sha256'): Buffer {
  // RFC 7748 keys cannot sign: such a request carries a well-formed signature that is nobody's.
  const canSign = key.privateKey.asymmetricKeyType !== 'x25519';
  const algorithm = signatureAlgorithm(key, hash);
  const digest = key.privateKey.asymmetricKeyType === 'ed25519' ? null : hash;
  const signature = canSign ? sign(digest, toBeSigned, key.privateKey) : Buffer.alloc(64, 0x5a);
  return sequence(toBeSigned, algorithm, bitString(signature));
}

export function signatureAlgorithm(key: Key, hash: 'sha1' | 'sha256' = 'sha256'): Buffer {
  const sha1 = hash === 'sha1';
  switch (key.privateKey.asymmetricKeyType) {
    case 'rsa':
      return sequence(
        objectIdentifier(sha1 ? '1.2.840.113549.1.1.5' : '1.2.840.113549.1.1.11'),
        nullValue(),
      );
    case 'ec':
      return sequence(objectIdentifier(sha1 ? '1.2.840.10045.4.1' : '1.2.840.10045.4.3.2'));
    default:
      return sequence(objectIdentifier('1.3.101.112'));
  }
}

/** The same request with its last bit turned over: the signature no longer verifies. */
export function withBrokenSignature(request: Buffer): Buffer {
  const broken = Buffer.from(request);
  broken.writeUInt8(broken.readUInt8(broken.length - 1) ^ 1, broken.length - 1);
  return broken;
}

/** The same request in BER: outermost length indefinite, closed by two zero bytes (X.690 section 8.1.3.6). */
export function withIndefiniteLength(request: Buffer): Buffer {
  const lengthByte = request.readUInt8(1);
  const header = lengthByte < 0x80 ? 2 : 2 + (lengthByte & 0x7f);
  return Buffer.concat([Buffer.from([0x30, 0x80]), request.subarray(header), Buffer.alloc(2)]);
}

/** A P-256 SubjectPublicKeyInfo whose point has a wrong y coordinate. */
export function offCurvePublicKey(key: Key): Buffer {
  return withBrokenSignature(key.publicKey);
}

/** Ed25519 with NULL parameters, which RFC 8410 section 3 forbids. */
export function ed25519WithNullParameters(key: Key): Buffer {
  return sequence(
    sequence(objectIdentifier('1.3.101.112'), nullValue()),
    bitString(key.publicKey.subarray(-32)),
  );
}

export const base64Lines = (der: Buffer, width = 64, newline = '\n') =>
  `${(der.toString('base64').match(new RegExp(`.{1,${width}}`, 'g')) ?? []).join(newline)}${newline}`;

/** A request whose base64 ends in padding: the length of an ECDSA signature varies from one to the next. */
export function paddedRequest(subject: string): Buffer {
  for (;;) {
    const request = certificateRequest(subject, ecKey());
    if (request.length % 3 !== 0) return request;
  }
}
