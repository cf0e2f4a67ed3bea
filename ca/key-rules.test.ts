import assert from 'node:assert/strict';
import { type createPublicKey, ECDH, generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { makeKey, openssl } from '../test/support/est-client.ts';
import {
  algorithm,
  keyPairs,
  nullValue,
  oidOf,
  sequence,
  spkiOf,
} from '../test/support/forged-request.ts';
import { readVector } from '../test/support/vectors.ts';
import { encode, encodeBitString, readDer, tags } from './der.ts';
import { readPublicKey } from './key-rules.ts';

const p256 = '1.2.840.10045.3.1.7';
const point = Buffer.from(pointOf(spkiOf(keyPairs['P-256'].publicKey)));
const changedPoint = Buffer.from(point);
changedPoint[64] = (changedPoint[64] ?? 0) ^ 1;
const hybridPoint = Buffer.from(point);
hybridPoint[0] = 6 + ((point[64] ?? 0) & 1);

const ecKey = (octets: Uint8Array, curve: Uint8Array = oidOf(p256)) =>
  sequence(algorithm('1.2.840.10045.2.1', curve), encodeBitString(octets));
const rsaAlgorithm = algorithm('1.2.840.113549.1.1.1', nullValue);
const integer = (digits: string) => encode(tags.integer, Buffer.from(digits, 'hex'));
const modulus = Buffer.from(jwkOf(keyPairs.RSA.publicKey).n ?? '', 'base64url').toString('hex');
/** SubjectPublicKeyInfo of RSA numbers in hexadecimal. */
const rsaKey = (n: string, e: string, ...more: Uint8Array[]) =>
  sequence(rsaAlgorithm, encodeBitString(sequence(integer(n), integer(e), ...more)));

describe('keys that are certified', () => {
  const accepted: Record<string, Uint8Array> = {
    'RSA-2048': spkiOf(keyPairs.RSA.publicKey),
    'P-256': spkiOf(keyPairs['P-256'].publicKey),
    'P-384': spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey),
    'P-521': spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-521' }).publicKey),
    Ed25519: spkiOf(keyPairs.Ed25519.publicKey),
    'the Ed25519 key of RFC 8410': readVector('rfc8410-04-PUBLIC_KEY.pem'),
    'RSA with an exponent of 2^32 - 1': rsaKey(`00${modulus}`, '00ffffffff'),
  };
  for (const [what, info] of Object.entries(accepted))
    test(what, () => {
      const key = readPublicKey(readDer(info));
      assert.deepEqual(Buffer.from(key.subjectPublicKeyInfo), Buffer.from(info));
      // One key has one encoding, and so one digest on record.
      assert.deepEqual(spkiOf(key.key), Buffer.from(info));
    });
});

describe('keys that are not', () => {
  const refused: Record<string, [info: Uint8Array, message: RegExp]> = {
    'RSA-1024': [generated('rsa', { modulusLength: 1024 }), /1024 bits/],
    'RSA-2047': [rsaKey(`7f${modulus.slice(2)}`, '010001'), /2047 bits/],
    'RSA-4104': [rsaKey(`00ff${modulus}${modulus}`, '010001'), /4104 bits/],
    'RSA-8192': [rsaKey(`00${modulus.repeat(4)}`, '010001'), /8192 bits/],
    'RSA with exponent 1': [rsaKey(`00${modulus}`, '01'), /exponent/],
    'RSA with exponent 3': [rsaKey(`00${modulus}`, '03'), /exponent/],
    'RSA with an even exponent': [rsaKey(`00${modulus}`, '010000'), /exponent/],
    'RSA with exponent 65538': [rsaKey(`00${modulus}`, '010002'), /exponent/],
    'RSA with an exponent beyond 2^32': [rsaKey(`00${modulus}`, '0100000001'), /exponent/],
    'RSA with a negative modulus': [rsaKey(modulus, '010001'), /malformed/],
    'RSA with a negative exponent': [rsaKey(`00${modulus}`, 'ff'), /malformed/],
    'RSA with an even modulus': [rsaKey(`00${modulus.slice(0, -2)}00`, '010001'), /small factor/],
    'RSA with a third number': [rsaKey(`00${modulus}`, '010001', integer('01')), /malformed/],
    'RSA with an octet after its numbers': [
      sequence(
        rsaAlgorithm,
        encodeBitString(
          Buffer.concat([sequence(integer(`00${modulus}`), integer('010001')), Uint8Array.of(0)]),
        ),
      ),
      /malformed/,
    ],
    'RSA without NULL': [
      sequence(algorithm('1.2.840.113549.1.1.1'), encodeBitString(Uint8Array.of(0))),
      /NULL parameters/,
    ],
    'RSA with NULL and more': [
      sequence(
        algorithm('1.2.840.113549.1.1.1', nullValue, nullValue),
        encodeBitString(pointOf(spkiOf(keyPairs.RSA.publicKey))),
      ),
      /malformed algorithm/,
    ],
    'RSASSA-PSS alone': [
      generated('rsa-pss', { modulusLength: 2048 }),
      /algorithm is not accepted/,
    ],
    DSA: [generated('dsa', { modulusLength: 2048, divisorLength: 256 }), /not accepted/],
    'P-192': [publicHalf(makeKey('P-192').key), /curve is not an accepted/],
    'P-224': [generated('ec', { namedCurve: 'secp224r1' }), /curve is not an accepted/],
    secp256k1: [generated('ec', { namedCurve: 'secp256k1' }), /curve is not an accepted/],
    'P-256 by explicit parameters': [explicitParameters(), /curve is not an accepted/],
    'EC without a curve': [
      sequence(algorithm('1.2.840.10045.2.1'), encodeBitString(point)),
      /curve is not an accepted/,
    ],
    'EC with NULL for a curve': [ecKey(point, nullValue), /curve is not an accepted/],
    'a point beside its curve': [ecKey(changedPoint), /not valid on its curve/],
    'a point of another curve': [ecKey(point, oidOf('1.3.132.0.34')), /not valid on its curve/],
    'the point at infinity': [ecKey(Uint8Array.of(0)), /uncompressed/],
    'the point at infinity, long': [ecKey(Buffer.alloc(65)), /uncompressed/],
    'a point of zeros': [ecKey(Buffer.concat([Uint8Array.of(4), Buffer.alloc(64)])), /not valid/],
    'coordinates not reduced': [
      ecKey(Buffer.concat([Uint8Array.of(4), Buffer.alloc(64, 0xff)])),
      /not valid/,
    ],
    'a compressed point': [
      ecKey(Buffer.from(ECDH.convertKey(point, 'prime256v1', undefined, undefined, 'compressed'))),
      /uncompressed/,
    ],
    'a hybrid point': [ecKey(hybridPoint), /uncompressed/],
    'a point with an octet after it': [
      ecKey(Buffer.concat([point, Uint8Array.of(0)])),
      /not valid/,
    ],
    'an empty point': [ecKey(new Uint8Array()), /uncompressed/],
    X25519: [generated('x25519'), /not accepted for \/simpleenroll/],
    X448: [generated('x448'), /not accepted/],
    Ed448: [generated('ed448'), /not accepted/],
    'the X25519 key in the certificate of RFC 8410': [certifiedKeyOfRfc8410(), /not accepted/],
    'Ed25519 with NULL': [
      sequence(
        algorithm('1.3.101.112', nullValue),
        encodeBitString(pointOf(spkiOf(keyPairs.Ed25519.publicKey))),
      ),
      /must have no parameters/,
    ],
    'Ed25519 of 31 octets': [
      sequence(algorithm('1.3.101.112'), encodeBitString(Buffer.alloc(31, 1))),
      /malformed/,
    ],
    'an unknown algorithm': [
      sequence(algorithm('1.2.3.4'), encodeBitString(Uint8Array.of(0))),
      /not accepted/,
    ],
    'no algorithm': [sequence(sequence(), encodeBitString(Uint8Array.of(0))), /not accepted/],
    'no key': [sequence(rsaAlgorithm), /malformed/],
    'something after the key': [
      sequence(rsaAlgorithm, encodeBitString(point), nullValue),
      /malformed/,
    ],
    'an OCTET STRING for a key': [
      sequence(rsaAlgorithm, encode(tags.octetString, point)),
      /malformed/,
    ],
  };
  for (const [what, [info, message]] of Object.entries(refused))
    test(what, () =>
      assert.throws(() => readPublicKey(readDer(info)), {
        name: 'Refusal',
        code: 'unsupported-key',
        message,
      }),
    );

  test('every refusal says what is accepted', () => {
    for (const [info] of Object.values(refused))
      assert.throws(() => readPublicKey(readDer(info)), {
        message: /Accepted are RSA .*Ed25519\.$/,
      });
  });
});

test('the same key with a count of unused bits is refused, since it would have a second digest', () => {
  let even = point;
  while ((even.at(-1) ?? 1) & 1)
    even = Buffer.from(pointOf(generated('ec', { namedCurve: 'P-256' })));
  readPublicKey(readDer(ecKey(even)));
  const other = sequence(
    algorithm('1.2.840.10045.2.1', oidOf(p256)),
    encode(tags.bitString, Uint8Array.of(1), even),
  );
  assert.throws(() => readPublicKey(readDer(other)), { code: 'unsupported-key' });
});

function jwkOf(key: ReturnType<typeof createPublicKey>) {
  return key.export({ format: 'jwk' });
}

/** The content of the BIT STRING. */
function pointOf(info: Uint8Array): Uint8Array {
  return readDer(info).children[1]?.content.subarray(1) ?? new Uint8Array();
}

function generated(type: string, options: object = {}): Uint8Array {
  // The overloads of generateKeyPairSync each name one type.
  const generate = generateKeyPairSync as unknown as (
    type: string,
    options: object,
  ) => { publicKey: ReturnType<typeof createPublicKey> };
  return spkiOf(generate(type, options).publicKey);
}

function publicHalf(privateKey: string): Uint8Array {
  return openssl(['pkey', '-pubout', '-outform', 'DER'], privateKey);
}

function explicitParameters(): Uint8Array {
  const arguments_ = ['pkey', '-pubout', '-outform', 'DER', '-ec_param_enc', 'explicit'];
  return openssl(arguments_, makeKey('P-256').key);
}

function certifiedKeyOfRfc8410(): Uint8Array {
  const [tbs] = readDer(readVector('rfc8410-05-CERTIFICATE.pem')).children;
  return tbs?.children[6]?.bytes ?? new Uint8Array();
}
