import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { describe, test } from 'node:test';
import {
  algorithm,
  commonName,
  forgeRequest,
  keyPairs,
  nullValue,
  type RequestParts,
  sequence,
  spkiOf,
} from '../test/support/forged-request.ts';
import { parseCertificateRequest } from './certificate-request.ts';
import { encode, encodeBitString, tags } from './der.ts';

const keyKinds = Object.keys(keyPairs) as (keyof typeof keyPairs)[];
const zero = encode(tags.integer, Uint8Array.of(0));
const signedWith = (dotted: string, hash: string, ...parameters: Uint8Array[]): RequestParts => ({
  signatureAlgorithm: algorithm(dotted, ...parameters),
  hash,
});

describe('who does not hold the key is refused', () => {
  const otherKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const ecdsa = (r: Uint8Array, s: Uint8Array) => sequence(r, s);
  const refused: Record<string, RequestParts> = {
    'a signature by another key': {
      publicKey: spkiOf(keyPairs.RSA.publicKey),
      signatureAlgorithm: algorithm('1.2.840.113549.1.1.11', nullValue),
      sign: (info) => sign('sha256', info, otherKey),
    },
    'an EC signature of r = s = 0': { sign: () => ecdsa(zero, zero) },
    'an EC signature of r = 0': {
      sign: () => ecdsa(zero, encode(tags.integer, Uint8Array.of(1))),
    },
    'an EC signature that is not a SEQUENCE': { sign: () => Uint8Array.of(4, 0) },
    'an empty signature': { sign: () => new Uint8Array() },
    'an RSA signature of zeros': { key: 'RSA', sign: () => new Uint8Array(256) },
    'an RSA signature that is too long': {
      key: 'RSA',
      sign: (info) =>
        Buffer.concat([sign('sha256', info, keyPairs.RSA.privateKey), Buffer.alloc(1)]),
    },
    'an Ed25519 signature of zeros': { key: 'Ed25519', sign: () => new Uint8Array(64) },
    'an Ed448 signature of zeros': { key: 'Ed448', sign: () => new Uint8Array(114) },
    'an ML-DSA-65 signature of zeros': { key: 'ML-DSA-65', sign: () => new Uint8Array(3309) },
    'an Ed448 signature with a context': { key: 'Ed448', sign: withContext('Ed448') },
    'an ML-DSA-65 signature with a context': { key: 'ML-DSA-65', sign: withContext('ML-DSA-65') },
    // 1 is the neutral element of the curve; whoever verifies without a check takes s = 0 for a signature by it.
    'an Ed25519 key that everyone can sign with': {
      publicKey: spkiOfOctets('1.3.101.112', 1, 32),
      ...forged('1.3.101.112', 1, 64),
    },
    'an Ed448 key that everyone can sign with': {
      publicKey: spkiOfOctets('1.3.101.113', 1, 57),
      ...forged('1.3.101.113', 1, 114),
    },
    'a signature over other octets': {
      sign: (info) => sign('sha256', Buffer.concat([info, info]), keyPairs['P-256'].privateKey),
    },
    'a signature with another hash than it says': { hash: 'sha384' },
  };
  for (const [what, parts] of Object.entries(refused))
    test(what, () => refuses(forgeRequest(parts), 'bad-signature', /proof of possession/));

  for (const key of keyKinds)
    test(`one bit of the signature or of what is signed, ${key}`, async () => {
      const request = forgeRequest({ key, subject: commonName('device-1') });
      const name = Buffer.from(request).indexOf('device-1');
      for (const at of [request.length - 1, request.length - 20, name]) {
        const changed = Uint8Array.from(request);
        changed[at] = (changed[at] ?? 0) ^ 1;
        await refuses(changed, 'bad-signature', /./);
      }
    });
});

test('a key that cannot sign proves nothing here, and is told where it can', async () => {
  for (const publicKey of [
    generateKeyPairSync('x25519').publicKey,
    generateKeyPairSync('x448').publicKey,
    generateKeyPairSync('ml-kem-768').publicKey,
  ]) {
    const request = forgeRequest({ publicKey: spkiOf(publicKey) });
    await refuses(request, 'unsupported-key', /cannot sign.*\/fullcmc/);
  }
});

test('whatever octets stand for a signature, the answer is that it is bad', async () => {
  for (const key of keyKinds)
    for (let i = 0; i < 150; i++) {
      const noise = randomBytes(3 + i * 2);
      // Half of them begin as an ECDSA-Sig-Value does.
      if (i % 2) noise.set([0x30, i - 2, 0x02], 0);
      await refuses(forgeRequest({ key, sign: () => noise }), 'bad-signature', /./);
    }
});

test('and octets of the right number are no better', async () => {
  const lengths = { Ed448: 114, 'ML-DSA-44': 2420, 'ML-DSA-65': 3309, 'ML-DSA-87': 4627 } as const;
  for (const [key, length] of Object.entries(lengths) as [keyof typeof lengths, number][])
    for (let i = 0; i < 20; i++) {
      const noise = randomBytes(length);
      await refuses(forgeRequest({ key, sign: () => noise }), 'bad-signature', /./);
    }
});

describe('signature algorithms that are not accepted', () => {
  const refused: Record<string, [parts: RequestParts, message: RegExp]> = {
    'MD5 with RSA': [
      { key: 'RSA', ...signedWith('1.2.840.113549.1.1.4', 'md5', nullValue) },
      /not accepted/,
    ],
    'SHA-1 with RSA': [
      { key: 'RSA', ...signedWith('1.2.840.113549.1.1.5', 'sha1', nullValue) },
      /not accepted/,
    ],
    'SHA-1 with ECDSA': [signedWith('1.2.840.10045.4.1', 'sha1'), /not accepted/],
    'SHA-224 with ECDSA': [signedWith('1.2.840.10045.4.3.1', 'sha224'), /not accepted/],
    'a hash that names no key': [signedWith('2.16.840.1.101.3.4.2.1', 'sha256'), /not accepted/],
    'RSA with other parameters': [
      { key: 'RSA', ...signedWith('1.2.840.113549.1.1.11', 'sha256', sequence()) },
      /must be NULL or absent/,
    ],
    'RSA with NULL and more': [
      { key: 'RSA', ...signedWith('1.2.840.113549.1.1.11', 'sha256', nullValue, nullValue) },
      /not accepted/,
    ],
    'ECDSA with NULL': [signedWith('1.2.840.10045.4.3.2', 'sha256', nullValue), /must be absent/],
    'Ed25519 with NULL': [
      { key: 'Ed25519', signatureAlgorithm: algorithm('1.3.101.112', nullValue) },
      /must be absent/,
    ],
    'ECDSA for an RSA key': [
      { key: 'RSA', ...signedWith('1.2.840.10045.4.3.2', 'sha256') },
      /does not fit/,
    ],
    'Ed448 with NULL': [
      { key: 'Ed448', signatureAlgorithm: algorithm('1.3.101.113', nullValue) },
      /must be absent/,
    ],
    'ML-DSA-65 with NULL': [
      { key: 'ML-DSA-65', signatureAlgorithm: algorithm('2.16.840.1.101.3.4.3.18', nullValue) },
      /must be absent/,
    ],
    'ML-DSA-44 for a key of ML-DSA-65': [
      { key: 'ML-DSA-65', signatureAlgorithm: algorithm('2.16.840.1.101.3.4.3.17') },
      /does not fit/,
    ],
    'HashML-DSA-65, which X.509 does not have': [
      { key: 'ML-DSA-65', signatureAlgorithm: algorithm('2.16.840.1.101.3.4.3.33') },
      /not accepted/,
    ],
    'Ed25519 for an Ed448 key': [
      { key: 'Ed448', signatureAlgorithm: algorithm('1.3.101.112') },
      /does not fit/,
    ],
    'RSA for an EC key': [signedWith('1.2.840.113549.1.1.11', 'sha256', nullValue), /does not fit/],
    'Ed25519 for an EC key': [{ signatureAlgorithm: algorithm('1.3.101.112') }, /does not fit/],
    'no algorithm': [{ signatureAlgorithm: sequence() }, /not accepted/],
  };
  for (const [what, [parts, message]] of Object.entries(refused))
    test(what, () => refuses(forgeRequest(parts), 'malformed-request', message));
});

/** Signs as the key of that name does, but for another use of the same key. */
function withContext(name: 'Ed448' | 'ML-DSA-65') {
  const key = { key: keyPairs[name].privateKey, context: Buffer.from('another use') };
  return (info: Uint8Array) => sign(null, info, key);
}

/** A little-endian number in that many octets. */
function littleEndian(value: number, length: number): Buffer {
  return Buffer.concat([Buffer.of(value), Buffer.alloc(length - 1)]);
}

function spkiOfOctets(dotted: string, value: number, length: number): Uint8Array {
  return sequence(algorithm(dotted), encodeBitString(littleEndian(value, length)));
}

function forged(dotted: string, value: number, length: number): RequestParts {
  return { signatureAlgorithm: algorithm(dotted), sign: () => littleEndian(value, length) };
}

async function refuses(request: Uint8Array, code: string, message: RegExp): Promise<void> {
  await assert.rejects(parseCertificateRequest(request), { name: 'Refusal', code, message });
}
