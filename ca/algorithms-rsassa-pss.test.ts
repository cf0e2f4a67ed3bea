/** RSASSA-PSS in requests: the parameters of signatures and of keys (RFC 4055). */

import assert from 'node:assert/strict';
import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, test } from 'node:test';
import { openssl, withFile } from '../test/support/est-client.ts';
import {
  algorithm,
  forgeRequest,
  keyPairs,
  nullValue,
  oidOf,
  type RequestParts,
  sequence,
  spkiOf,
} from '../test/support/forged-request.ts';
import { parseCertificateRequest } from './certificate-request.ts';
import { encode, encodeBitString, readDer, sameBytes, tags } from './der.ts';
import { readPublicKey } from './key-rules.ts';
import { pssAlgorithmIdentifier } from './rsassa-pss.ts';

const pss = '1.2.840.113549.1.1.10';
const mgf1 = '1.2.840.113549.1.1.8';
const sha1 = '1.3.14.3.2.26';
const sha224 = '2.16.840.1.101.3.4.2.4';
const sha256 = '2.16.840.1.101.3.4.2.1';
const sha384 = '2.16.840.1.101.3.4.2.2';
const sha512 = '2.16.840.1.101.3.4.2.3';
const hashes = { sha256: [sha256, 32], sha384: [sha384, 48], sha512: [sha512, 64] } as const;
type Hash = keyof typeof hashes;
const hashNames = Object.keys(hashes) as Hash[];

const withNull = (dotted: string) => algorithm(dotted, nullValue);
const integer = (...octets: number[]) => encode(tags.integer, Uint8Array.from(octets));
/** RSASSA-PSS-params of fields that are as they should be for SHA-256 unless changed; null leaves one out. */
interface Fields {
  readonly hash?: Uint8Array | null;
  readonly mask?: Uint8Array | null;
  readonly salt?: Uint8Array | null;
  readonly trailer?: Uint8Array;
}
function parametersOf(fields: Fields = {}): Uint8Array {
  const {
    hash = withNull(sha256),
    mask = algorithm(mgf1, withNull(sha256)),
    salt = integer(32),
    trailer,
  } = fields;
  const present = [hash, mask, salt, trailer].map((value, i) =>
    value ? encode(0xa0 + i, value) : new Uint8Array(),
  );
  return sequence(...present);
}

/** A request by the RSA key, signed with RSASSA-PSS. */
function requestOf(
  parameters: readonly Uint8Array[],
  {
    hash = 'sha256',
    saltLength = constants.RSA_PSS_SALTLEN_DIGEST,
    privateKey = keyPairs.RSA.privateKey,
    ...parts
  }: { hash?: string; saltLength?: number; privateKey?: KeyObject } & Partial<RequestParts> = {},
): Uint8Array {
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return forgeRequest({
    key: 'RSA',
    signatureAlgorithm: algorithm(pss, ...parameters),
    sign: (info) => sign(hash, info, { key: privateKey, padding, saltLength }),
    ...parts,
  });
}

async function refuses(request: Uint8Array, code: string, message: RegExp): Promise<void> {
  await assert.rejects(parseCertificateRequest(request), { name: 'Refusal', code, message });
}

describe('signatures that are accepted', () => {
  for (const [hash, [dotted, saltLength]] of Object.entries(hashes))
    test(`by an RSA key, ${hash}`, async () => {
      const parameters = parametersOf({
        hash: withNull(dotted),
        mask: algorithm(mgf1, withNull(dotted)),
        salt: integer(saltLength),
      });
      const { publicKey } = await parseCertificateRequest(requestOf([parameters], { hash }));
      assert.equal(publicKey.kind, 'RSA');
    });

  test('hashes without their NULL (RFC 4055 section 2.1)', async () => {
    const bare = algorithm(sha256);
    await parseCertificateRequest(requestOf([parametersOf({ hash: bare })]));
    await parseCertificateRequest(requestOf([parametersOf({ mask: algorithm(mgf1, bare) })]));
  });

  test('the trailer field with its default value (RFC 4055 section 3.1)', async () => {
    await parseCertificateRequest(requestOf([parametersOf({ trailer: integer(1) })]));
  });

  test('what OpenSSL makes', async () => {
    const key = keyPairs.RSA.privateKey.export({ type: 'pkcs8', format: 'pem' });
    for (const hash of hashNames) {
      const request = opensslRequest(key, `-${hash}`, 'rsa_padding_mode:pss');
      assert.equal((await parseCertificateRequest(request)).publicKey.kind, 'RSA');
    }
  });

  test('parameters as Bouncy Castle 1.72 and OpenSSL encode them are ours', () => {
    const key = keyPairs.RSA.privateKey.export({ type: 'pkcs8', format: 'pem' });
    const numbers = { sha256: ['01', '20'], sha384: ['02', '30'], sha512: ['03', '40'] } as const;
    for (const hash of hashNames) {
      const ours = pssAlgorithmIdentifier(hash);
      const [n, salt] = numbers[hash];
      assert.equal(
        Buffer.from(ours).toString('hex'),
        `304106092a864886f70d01010a3034a00f300d06096086480165030402${n}0500a11c301a06092a864886f70d010108300d06096086480165030402${n}0500a2030201${salt}`,
      );
      const request = readDer(opensslRequest(key, `-${hash}`, 'rsa_padding_mode:pss'));
      assert.ok(sameBytes(request.children[1]?.bytes ?? new Uint8Array(), ours));
    }
  });
});

describe('signatures that are not', () => {
  const withSha = (dotted: string, length: number): Fields => ({
    hash: withNull(dotted),
    mask: algorithm(mgf1, withNull(dotted)),
    salt: integer(length),
  });
  const refused: Record<
    string,
    [parameters: readonly Uint8Array[], message: RegExp, how?: object]
  > = {
    'no parameters': [[], /missing or malformed/],
    'NULL for parameters': [[nullValue], /missing or malformed/],
    'two parameters': [[parametersOf(), nullValue], /not accepted/],
    'empty parameters, which mean SHA-1': [[sequence()], /default is SHA-1/, { hash: 'sha1' }],
    'SHA-1 throughout': [[parametersOf(withSha(sha1, 20))], /must be SHA-256/, { hash: 'sha1' }],
    'SHA-224': [[parametersOf(withSha(sha224, 28))], /must be SHA-256/, { hash: 'sha224' }],
    'no mask, which means SHA-1': [[parametersOf({ mask: null })], /MGF1 with the same hash/],
    'MGF1 with another hash': [
      [parametersOf({ mask: algorithm(mgf1, withNull(sha384)) })],
      /MGF1 with the same hash/,
    ],
    'MGF1 without a hash': [[parametersOf({ mask: algorithm(mgf1) })], /MGF1 with the same/],
    'MGF1 with two hashes': [
      [parametersOf({ mask: algorithm(mgf1, withNull(sha256), nullValue) })],
      /MGF1 with the same hash/,
    ],
    'another mask generation function': [
      [parametersOf({ mask: algorithm('1.2.3.4', withNull(sha256)) })],
      /MGF1 with the same hash/,
    ],
    'a mask in a SET': [
      [parametersOf({ mask: encode(tags.set, oidOf(mgf1), withNull(sha256)) })],
      /MGF1 with the same hash/,
    ],
    'a hash in a SET': [
      [parametersOf({ hash: encode(tags.set, oidOf(sha256)) })],
      /must be SHA-256/,
    ],
    'a hash with parameters': [
      [parametersOf({ hash: algorithm(sha256, integer(1)) })],
      /must be SHA-256/,
    ],
    'a hash with NULL and more': [
      [parametersOf({ hash: algorithm(sha256, nullValue, nullValue) })],
      /must be SHA-256/,
    ],
    'the default salt, which is too short': [
      [parametersOf({ salt: null })],
      /as long as its hash, 32 octets/,
      { saltLength: 20 },
    ],
    'the longest salt, as OpenSSL 3.0 makes it unless told': [
      [parametersOf({ salt: integer(0, 222) })],
      /rsa_pss_saltlen:digest/,
      { saltLength: 222 },
    ],
    'a salt of 0 octets': [[parametersOf({ salt: integer(0) })], /as long/, { saltLength: 0 }],
    'a salt of 33 octets': [[parametersOf({ salt: integer(33) })], /as long/, { saltLength: 33 }],
    'a salt of -32 octets': [[parametersOf({ salt: integer(0xe0) })], /malformed/],
    'a salt of 2^16 + 32 octets': [[parametersOf({ salt: integer(1, 0, 32) })], /malformed/],
    'a salt that is no number': [
      [parametersOf({ salt: encode(tags.octetString, Uint8Array.of(32)) })],
      /malformed/,
    ],
    'a default that is encoded': [
      [parametersOf({ salt: integer(20) })],
      /encoded though it is the default/,
      { saltLength: 20 },
    ],
    'trailer field 2': [[parametersOf({ trailer: integer(2) })], /trailer/],
    'a trailer field that is no number': [
      [parametersOf({ trailer: encode(tags.octetString, Uint8Array.of(1)) })],
      /trailer/,
    ],
    'fields in another order': [
      [
        sequence(
          encode(0xa1, algorithm(mgf1, withNull(sha256))),
          encode(0xa0, withNull(sha256)),
          encode(0xa2, integer(32)),
        ),
      ],
      /missing or malformed/,
    ],
    'a field that stands twice': [
      [
        sequence(
          encode(0xa0, withNull(sha256)),
          encode(0xa0, withNull(sha256)),
          encode(0xa1, algorithm(mgf1, withNull(sha256))),
          encode(0xa2, integer(32)),
        ),
      ],
      /missing or malformed/,
    ],
    'a field [4]': [
      [sequence(...readDer(parametersOf()).children.map((c) => c.bytes), encode(0xa4, integer(1)))],
      /missing or malformed/,
    ],
    'two values in a field': [
      [parametersOf({ salt: Buffer.concat([integer(32), integer(32)]) })],
      /missing or malformed/,
    ],
    'fields without tags': [
      [sequence(withNull(sha256), algorithm(mgf1, withNull(sha256)), integer(32))],
      /missing or malformed/,
    ],
  };
  for (const [what, [parameters, message, how]] of Object.entries(refused))
    test(what, () => refuses(requestOf(parameters, how), 'malformed-request', message));

  const untrue: Record<string, Uint8Array> = {
    'the hash of the signature is another than it says': requestOf([parametersOf()], {
      hash: 'sha384',
      saltLength: 32,
    }),
    'the salt is longer than it says': requestOf([parametersOf()], { saltLength: 40 }),
    'the salt is shorter than it says': requestOf([parametersOf()], { saltLength: 31 }),
    'the signature is RSASSA-PKCS1-v1_5': requestOf([parametersOf()], {
      sign: (info) => sign('sha256', info, keyPairs.RSA.privateKey),
    }),
    'RSASSA-PSS stands for RSASSA-PKCS1-v1_5': requestOf([], {
      signatureAlgorithm: algorithm('1.2.840.113549.1.1.11', nullValue),
    }),
    'another key signs': requestOf([parametersOf()], {
      privateKey: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
    }),
    'the signature is of zeros': requestOf([parametersOf()], { sign: () => new Uint8Array(256) }),
    'the signature is empty': requestOf([parametersOf()], { sign: () => new Uint8Array() }),
  };
  for (const [what, request] of Object.entries(untrue))
    test(what, () => refuses(request, 'bad-signature', /proof of possession/));

  test('for a key that is not RSA', async () => {
    for (const key of ['P-256', 'Ed25519', 'ML-DSA-65'] as const)
      await refuses(
        forgeRequest({ key, signatureAlgorithm: algorithm(pss, parametersOf()) }),
        'malformed-request',
        /does not fit/,
      );
  });
});

/** A key of RSASSA-PSS over the modulus of the RSA key. */
const pssKey = (...parameters: Uint8Array[]) =>
  sequence(
    algorithm(pss, ...parameters),
    readDer(spkiOf(keyPairs.RSA.publicKey)).children[1]?.bytes ?? encodeBitString(new Uint8Array()),
  );
const readKey = (info: Uint8Array) => readPublicKey(readDer(info));

describe('keys for RSASSA-PSS alone', () => {
  test('without parameters they take every hash', async () => {
    for (const [hash, [dotted, saltLength]] of Object.entries(hashes)) {
      const parameters = parametersOf({
        hash: withNull(dotted),
        mask: algorithm(mgf1, withNull(dotted)),
        salt: integer(saltLength),
      });
      const request = requestOf([parameters], { hash, publicKey: pssKey() });
      assert.equal((await parseCertificateRequest(request)).publicKey.kind, 'RSA-PSS');
    }
  });

  test('and PKCS #1 v1.5 never', () =>
    refuses(
      forgeRequest({ key: 'RSA', publicKey: pssKey() }),
      'malformed-request',
      /does not fit its public key/,
    ));

  const accepted: Record<string, [parameters: Uint8Array, hash: Hash, saltLength: number]> = {
    'SHA-256 and its salt': [parametersOf(), 'sha256', 32],
    'SHA-256 and the default salt': [parametersOf({ salt: null }), 'sha256', 20],
    'SHA-256 and no salt': [parametersOf({ salt: integer(0) }), 'sha256', 0],
  };
  for (const [what, [parameters, hash, saltLength]] of Object.entries(accepted))
    test(`with ${what}`, async () => {
      const publicKey = pssKey(parameters);
      const key = readKey(publicKey);
      assert.deepEqual([key.kind, key.pss], ['RSA-PSS', { hash, saltLength }]);
      assert.deepEqual(Buffer.from(key.subjectPublicKeyInfo), Buffer.from(publicKey));
      await parseCertificateRequest(requestOf([parametersOf()], { publicKey }));
    });

  test('a hash other than theirs is refused', async () => {
    const parameters = parametersOf({
      hash: withNull(sha384),
      mask: algorithm(mgf1, withNull(sha384)),
      salt: integer(48),
    });
    const request = requestOf([parameters], { hash: 'sha384', publicKey: pssKey(parametersOf()) });
    await refuses(request, 'malformed-request', /hash that the public key demands/);
  });

  test('what OpenSSL makes', async () => {
    const parameters = ['md:sha256', 'mgf1_md:sha256', 'saltlen:32'].flatMap((option) => [
      '-pkeyopt',
      `rsa_pss_keygen_${option}`,
    ]);
    for (const options of [[], parameters]) {
      const key = openssl(['genpkey', '-algorithm', 'RSA-PSS', ...options]).toString();
      const { publicKey } = await parseCertificateRequest(opensslRequest(key, '-sha256'));
      assert.equal(publicKey.kind, 'RSA-PSS');
      assert.deepEqual(
        publicKey.pss,
        options.length > 0 ? { hash: 'sha256', saltLength: 32 } : undefined,
      );
    }
  });

  const refused: Record<string, [parameters: Uint8Array, message: RegExp]> = {
    'NULL for parameters': [nullValue, /missing or malformed/],
    'empty parameters, which mean SHA-1': [sequence(), /default is SHA-1/],
    'a mask with SHA-1, as OpenSSL makes it from the hash alone': [
      parametersOf({ mask: null, salt: null }),
      /MGF1 with the same hash/,
    ],
    'a salt that is longer than the hash': [parametersOf({ salt: integer(33) }), /longer than/],
    'a default salt that is encoded': [parametersOf({ salt: integer(20) }), /is the default/],
    'trailer field 2': [parametersOf({ trailer: integer(2) }), /trailer/],
  };
  for (const [what, [parameters, message]] of Object.entries(refused))
    test(`refused with ${what}`, () =>
      assert.throws(() => readKey(pssKey(parameters)), { code: 'unsupported-key', message }));
});

/** A request as OpenSSL makes it, with a salt as long as the hash. */
function opensslRequest(key: string | Buffer, hash: string, ...options: string[]): Buffer {
  const sigopts = [...options, 'rsa_pss_saltlen:digest'].flatMap((option) => ['-sigopt', option]);
  return withFile(key, (file) =>
    openssl([
      ...['req', '-new', '-key', file, '-subj', '/CN=device-1', '-outform', 'DER', hash],
      ...sigopts,
    ]),
  );
}
