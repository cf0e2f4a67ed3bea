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
import { type PublicKeyKind, readPublicKey, readSigningKey } from './key-rules.ts';

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

/** SubjectPublicKeyInfo of an algorithm whose key is a string of octets. */
const octetKey = (dotted: string, octets: Uint8Array, ...parameters: Uint8Array[]) =>
  sequence(algorithm(dotted, ...parameters), encodeBitString(octets));
const mlDsa65 = '2.16.840.1.101.3.4.3.18';

describe('keys that are certified', () => {
  const accepted: Record<string, [kind: PublicKeyKind, info: Uint8Array]> = {
    'RSA-2048': ['RSA', spkiOf(keyPairs.RSA.publicKey)],
    'RSA with an exponent of 2^32 - 1': ['RSA', rsaKey(`00${modulus}`, '00ffffffff')],
    'RSASSA-PSS': ['RSA-PSS', generated('rsa-pss', { modulusLength: 2048 })],
    'P-256': ['EC', spkiOf(keyPairs['P-256'].publicKey)],
    'P-384': ['EC', spkiOf(keyPairs['P-384'].publicKey)],
    'P-521': ['EC', generated('ec', { namedCurve: 'P-521' })],
    Ed25519: ['Ed25519', spkiOf(keyPairs.Ed25519.publicKey)],
    'the Ed25519 key of RFC 8410': ['Ed25519', readVector('rfc8410-04-PUBLIC_KEY.pem')],
    Ed448: ['Ed448', spkiOf(keyPairs.Ed448.publicKey)],
    'ML-DSA-44': ['ML-DSA-44', spkiOf(keyPairs['ML-DSA-44'].publicKey)],
    'ML-DSA-65': ['ML-DSA-65', spkiOf(keyPairs['ML-DSA-65'].publicKey)],
    'ML-DSA-87': ['ML-DSA-87', spkiOf(keyPairs['ML-DSA-87'].publicKey)],
    'the ML-DSA-44 key of RFC 9881': ['ML-DSA-44', readVector('rfc9881-ML-DSA-44.pub')],
    'the ML-DSA-65 key of RFC 9881': ['ML-DSA-65', readVector('rfc9881-ML-DSA-65.pub')],
    'the ML-DSA-87 key of RFC 9881': ['ML-DSA-87', certifiedKeyOf('rfc9881-ML-DSA-87.crt')],
    X25519: ['X25519', generated('x25519')],
    'the X25519 key of RFC 8410': ['X25519', certifiedKeyOf('rfc8410-05-CERTIFICATE.pem')],
    X448: ['X448', generated('x448')],
  };
  for (const [what, [kind, info]] of Object.entries(accepted))
    test(what, () => {
      const key = readPublicKey(readDer(info));
      assert.equal(key.kind, kind);
      assert.deepEqual(Buffer.from(key.subjectPublicKeyInfo), Buffer.from(info));
      // One key has one encoding, and so one digest on record.
      assert.deepEqual(spkiOf(key.key), Buffer.from(info));
      const agreesOnKeys = kind === 'X25519' || kind === 'X448';
      assert.equal(key.canSign, !agreesOnKeys);
      if (agreesOnKeys)
        assert.throws(() => readSigningKey(readDer(info)), {
          code: 'unsupported-key',
          message: /cannot sign.* section 4\.2\.1.* to \/fullcmc/,
        });
      else assert.equal(readSigningKey(readDer(info)).kind, kind);
    });
});

const octetKeys: Record<string, [dotted: string, length: number]> = {
  Ed25519: ['1.3.101.112', 32],
  Ed448: ['1.3.101.113', 57],
  X25519: ['1.3.101.110', 32],
  X448: ['1.3.101.111', 56],
  'ML-DSA-44': ['2.16.840.1.101.3.4.3.17', 1312],
  'ML-DSA-65': [mlDsa65, 1952],
  'ML-DSA-87': ['2.16.840.1.101.3.4.3.19', 2592],
};
const withNull = Object.fromEntries(
  Object.entries(octetKeys).map(([kind, [dotted, length]]) => [
    `${kind} with NULL`,
    [octetKey(dotted, Buffer.alloc(length, 1), nullValue), /must have no parameters \(RFC/],
  ]),
) as Record<string, [Uint8Array, RegExp]>;
const withWrongLength = Object.fromEntries(
  Object.entries(octetKeys).flatMap(([kind, [dotted, length]]) =>
    [0, length - 1, length + 1].map((wrong) => [
      `${kind} of ${wrong} octets`,
      [octetKey(dotted, Buffer.alloc(wrong, 1)), new RegExp(`has ${length} octets`)],
    ]),
  ),
) as Record<string, [Uint8Array, RegExp]>;

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
    'RSASSA-PSS of 1024 bits': [generated('rsa-pss', { modulusLength: 1024 }), /1024 bits/],
    'RSASSA-PSS with an even modulus': [
      sequence(
        algorithm('1.2.840.113549.1.1.10'),
        encodeBitString(sequence(integer(`00${modulus.slice(0, -2)}00`), integer('010001'))),
      ),
      /small factor/,
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
    'X25519 with its highest bit set': [
      octetKey('1.3.101.110', Buffer.alloc(32, 0x80)),
      /highest bit/,
    ],
    'ML-KEM-512': [generated('ml-kem-512'), /ML-KEM cannot sign.*\/fullcmc/],
    'ML-KEM-768': [generated('ml-kem-768'), /ML-KEM cannot sign.*\/fullcmc/],
    'ML-KEM-1024': [generated('ml-kem-1024'), /ML-KEM cannot sign.*\/fullcmc/],
    'SLH-DSA': [generated('slh-dsa-sha2-128s'), /algorithm is not accepted/],
    ...withNull,
    ...withWrongLength,
    'ML-DSA-65 with the key of ML-DSA-44': [
      octetKey(mlDsa65, pointOf(spkiOf(keyPairs['ML-DSA-44'].publicKey))),
      /1952 octets/,
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
        message: /Accepted are RSA .*ML-DSA; at \/fullcmc also X25519\.$/,
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

function certifiedKeyOf(certificate: string): Uint8Array {
  const [tbs] = readDer(readVector(certificate)).children;
  return tbs?.children[6]?.bytes ?? new Uint8Array();
}
