import assert from 'node:assert/strict';
import { constants, generateKeyPairSync, sign } from 'node:crypto';
import { suite, test } from 'node:test';
import {
  algorithm,
  algorithms,
  keyPairs,
  nullValue,
  octetString,
  sequence,
  spkiOf,
} from '../../test/support/forged-request.ts';
import {
  digestAlgorithms,
  forgeSignedData,
  forgeSignerInfo,
  type SignerParts,
} from '../../test/support/forged-signed-data.ts';
import { encode, readDer, tags } from '../der.ts';
import { readPublicKey } from '../key-rules.ts';
import { readSignedData, type SignedData, verifySigner } from './read-signed-data.ts';

const keyOf = (name: keyof typeof keyPairs) =>
  readPublicKey(readDer(spkiOf(keyPairs[name].publicKey)));

async function verifies(data: SignedData, key = keyOf('P-256')): Promise<boolean> {
  const [info] = data.signerInfos;
  assert.ok(info);
  return verifySigner(data, info, key);
}

suite('algorithms of a signer', () => {
  const schemeOf = (parts: SignerParts) =>
    readSignedData(forgeSignedData({ signerInfos: [forgeSignerInfo(parts)] })).signerInfos[0]
      ?.scheme;
  const rsaSignature = (dotted: string, ...parameters: readonly Uint8Array[]) =>
    ({
      key: 'RSA',
      signatureAlgorithm: algorithm(`1.2.840.113549.1.1.${dotted}`, ...parameters),
    }) as const;
  const pss = (hash: Uint8Array, maskHash = hash, ...more: readonly Uint8Array[]) =>
    rsaSignature(
      '10',
      sequence(
        encode(0xa0, hash),
        encode(0xa1, algorithm('1.2.840.113549.1.1.8', maskHash)),
        ...more,
      ),
    );
  const saltOf32 = encode(0xa2, encode(tags.integer, Uint8Array.of(32)));

  for (const [what, parts] of [
    ['ECDSA with SHA-256', {}],
    ['a digest with NULL', { digestAlgorithm: algorithm('2.16.840.1.101.3.4.2.1', nullValue) }],
    ['rsaEncryption with SHA-384', { ...rsaSignature('1', nullValue), digest: 'sha384' }],
    ['RSA without NULL', rsaSignature('11')],
    ['RSASSA-PSS', pss(digestAlgorithms.sha256, digestAlgorithms.sha256, saltOf32)],
    ['Ed25519 with SHA-512', { key: 'Ed25519', digest: 'sha512' }],
  ] as const satisfies [string, SignerParts][])
    test(`accepted: ${what}`, () => assert.ok(schemeOf(parts)));

  for (const [what, parts] of [
    ['SHA-1', { digest: 'sha1', signatureAlgorithm: algorithm('1.2.840.10045.4.1') }],
    ['SHA-1 as digest of ECDSA with SHA-256', { digest: 'sha1' }],
    ['a digest that is not the one inside ECDSA', { digest: 'sha384' }],
    [
      'a digest with parameters',
      { digestAlgorithm: algorithm('2.16.840.1.101.3.4.2.1', octetString()) },
    ],
    ['ECDSA with parameters', { signatureAlgorithm: algorithm('1.2.840.10045.4.3.2', nullValue) }],
    ['the digest of RSA being another', { ...rsaSignature('12', nullValue) }],
    ['RSA with SHA-1', rsaSignature('5', nullValue)],
    ['RSA with other parameters', rsaSignature('11', octetString())],
    ['RSASSA-PSS by its defaults, SHA-1', rsaSignature('10', sequence())],
    ['RSASSA-PSS without parameters', rsaSignature('10')],
    [
      'RSASSA-PSS with another hash than the digest',
      pss(digestAlgorithms.sha384, digestAlgorithms.sha384, saltOf32),
    ],
    [
      'RSASSA-PSS with another hash in its mask',
      pss(digestAlgorithms.sha256, digestAlgorithms.sha384, saltOf32),
    ],
    ['Ed25519 with SHA-256', { key: 'Ed25519', digest: 'sha256' }],
    [
      'Ed25519 with parameters',
      { key: 'Ed25519', digest: 'sha512', signatureAlgorithm: algorithm('1.3.101.112', nullValue) },
    ],
    ['an algorithm of three parts', rsaSignature('11', nullValue, nullValue)],
    ['an unknown algorithm', { signatureAlgorithm: algorithm('1.2.3') }],
  ] as const satisfies [string, SignerParts][])
    test(`not accepted: ${what}`, async () => {
      assert.equal(schemeOf(parts), undefined);
      const data = readSignedData(forgeSignedData({ signerInfos: [forgeSignerInfo(parts)] }));
      const { key = 'P-256' }: SignerParts = parts;
      assert.equal(await verifies(data, keyOf(key)), false);
    });

  test('Ed25519 verifies', async () => {
    const info = forgeSignerInfo({ key: 'Ed25519', digest: 'sha512' });
    assert.equal(
      await verifies(readSignedData(forgeSignedData({ signerInfos: [info] })), keyOf('Ed25519')),
      true,
    );
  });

  test('RSASSA-PSS verifies, and only with the salt that it declares', async () => {
    for (const [saltLength, expected] of [
      [32, true],
      [31, false],
    ] as const) {
      const padding = constants.RSA_PKCS1_PSS_PADDING;
      const info = forgeSignerInfo({
        ...pss(digestAlgorithms.sha256, digestAlgorithms.sha256, saltOf32),
        sign: (octets) =>
          sign('sha256', octets, { key: keyPairs.RSA.privateKey, padding, saltLength }),
      });
      const data = readSignedData(forgeSignedData({ signerInfos: [info] }));
      assert.equal(await verifies(data, keyOf('RSA')), expected);
    }
  });

  test('RSASSA-PSS verifies by no key that cannot or may not be used so', async () => {
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    const of = (hash: string) => {
      const { publicKey, privateKey } = generateKeyPairSync('rsa-pss', {
        modulusLength: 2048,
        hashAlgorithm: hash,
        mgf1HashAlgorithm: hash,
      });
      return { privateKey, key: readPublicKey(readDer(spkiOf(publicKey))) };
    };
    const fitting = of('sha256');
    const info = forgeSignerInfo({
      ...pss(digestAlgorithms.sha256, digestAlgorithms.sha256, saltOf32),
      sign: (octets) =>
        sign('sha256', octets, { key: fitting.privateKey, padding, saltLength: 32 }),
    });
    const data = readSignedData(forgeSignedData({ signerInfos: [info] }));
    assert.equal(await verifies(data, fitting.key), true);
    assert.equal(await verifies(data, of('sha384').key), false);
    assert.equal(await verifies(data, keyOf('P-256')), false);
  });

  test('the algorithm that is named is the one that verifies', async () => {
    const info = forgeSignerInfo({ signatureAlgorithm: algorithms.RSA });
    const data = readSignedData(forgeSignedData({ signerInfos: [info] }));
    assert.equal(await verifies(data, keyOf('P-256')), false);
  });

  test('a PKCS #1 signature is no PSS signature, and the reverse', async () => {
    const info = forgeSignerInfo(pss(digestAlgorithms.sha256, digestAlgorithms.sha256, saltOf32));
    assert.equal(
      await verifies(readSignedData(forgeSignedData({ signerInfos: [info] })), keyOf('RSA')),
      false,
    );
  });
});
