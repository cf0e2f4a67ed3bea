import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { type CertificateRequest, parseCertificateRequest } from '../ca/certificate-request.ts';
import { readDer } from '../ca/der.ts';
import { type DeviceKeyType, deviceKeyTypes } from '../ca/device-key-types.ts';
import { readPublicKey } from '../ca/key-rules.ts';
import { oidName } from '../ca/object-identifiers.ts';
import { pssAlgorithmIdentifier } from '../ca/rsassa-pss.ts';
import {
  forgeRequest,
  type keyPairs,
  nullValue,
  oidOf,
  sequence,
  spkiOf,
} from '../test/support/forged-request.ts';
import { devicesFor90Days as profile } from '../test/support/software-ca.ts';
import type { Group } from './group.ts';
import {
  checkSettings,
  defaultSettings,
  type GroupSettings,
  signatureHashes,
} from './group-settings.ts';
import { announcementOf, requireParts } from './request-requirements.ts';

type KeyName = keyof typeof keyPairs;

function groupWith(settings: Partial<GroupSettings>): Group {
  return {
    label: 'factory',
    tenant: 'acme',
    settings: checkSettings({ ...defaultSettings, ...settings }),
  };
}

describe('keys', () => {
  const kinds: Partial<Record<KeyName, DeviceKeyType>> = {
    'P-256': 'P-256',
    'P-384': 'P-384',
    RSA: 'RSA-2048',
    Ed25519: 'Ed25519',
    Ed448: 'Ed448',
    'ML-DSA-44': 'ML-DSA-44',
    'ML-DSA-65': 'ML-DSA-65',
    'ML-DSA-87': 'ML-DSA-87',
  };
  for (const [key, type] of Object.entries(kinds))
    test(`${type} is accepted where it is named, if not first, and refused elsewhere`, async () => {
      const request = await parseCertificateRequest(forgeRequest({ key: key as KeyName }));
      requireParts(request, groupWith({ keyTypes: ['P-521', type] }), profile);
      const others = groupWith({ keyTypes: ['P-521', 'RSA-3072'] });
      assert.throws(() => requireParts(request, others, profile), {
        code: 'unsupported-key',
        message: `The request does not have what /factory/csrattrs announces. It must have a key of type P-521 (secp521r1) or RSA-3072 (rsaEncryption) (it has ${type}).`,
      });
    });

  const made = {
    'P-521': generateKeyPairSync('ec', { namedCurve: 'P-521' }),
    'RSA-3072': generateKeyPairSync('rsa', { modulusLength: 3072 }),
    'RSA-4096': generateKeyPairSync('rsa', { modulusLength: 4096 }),
    'RSA-2056': generateKeyPairSync('rsa', { modulusLength: 2056 }),
    'RSA-PSS-2048': generateKeyPairSync('rsa-pss', { modulusLength: 2048 }),
    X25519: generateKeyPairSync('x25519'),
  };
  for (const [type, { publicKey: key }] of Object.entries(made))
    test(`${type} is told from RSA-2048`, async () => {
      const publicKey = readPublicKey(readDer(spkiOf(key)));
      const request = { ...(await parseCertificateRequest(forgeRequest())), publicKey };
      assert.throws(() => requireParts(request, groupWith({ keyTypes: ['RSA-2048'] }), profile), {
        code: 'unsupported-key',
        message: new RegExp(`\\(it has ${type}\\)`),
      });
      const own = deviceKeyTypes.find((each) => each === type);
      if (own) requireParts(request, groupWith({ keyTypes: [own] }), profile);
    });
});

describe('signatures', () => {
  const only = (hash: 'sha256' | 'sha384' | 'sha512') => groupWith({ signatureHashes: [hash] });
  const signed = (type: string, key: KeyName, hash: string, ...parameters: Uint8Array[]) =>
    parseCertificateRequest(
      forgeRequest({ key, hash, signatureAlgorithm: sequence(oidOf(type), ...parameters) }),
    );
  const schemes = {
    sha256: ['1.2.840.113549.1.1.11', '1.2.840.10045.4.3.2'],
    sha384: ['1.2.840.113549.1.1.12', '1.2.840.10045.4.3.3'],
    sha512: ['1.2.840.113549.1.1.13', '1.2.840.10045.4.3.4'],
  } as const;
  for (const hash of signatureHashes)
    test(`with ${hash} are told from others, with RSA, ECDSA and RSASSA-PSS`, async () => {
      const [rsa, ecdsa] = schemes[hash];
      const request = await signed(rsa, 'RSA', hash, nullValue);
      const requests: CertificateRequest[] = [
        request,
        await signed(ecdsa, 'P-256', hash),
        { ...request, signatureAlgorithm: pssAlgorithmIdentifier(hash) },
      ];
      for (const each of requests) {
        requireParts(each, only(hash), profile);
        for (const other of signatureHashes.filter((name) => name !== hash))
          assert.throws(() => requireParts(each, only(other), profile), {
            code: 'request-incomplete',
            message: new RegExp(`a signature with ${other}, such as .* \\(it has ${hash}\\)`),
          });
      }
    });

  test('with a hash that is not the first one named are accepted', async () => {
    const request = await signed('1.2.840.10045.4.3.2', 'P-256', 'sha256');
    requireParts(request, groupWith({ signatureHashes: ['sha384', 'sha256'] }), profile);
  });

  test('of keys with a hash of their own, and proofs that are no signature, are left alone', async () => {
    for (const key of ['Ed25519', 'Ed448', 'ML-DSA-44'] as const)
      requireParts(await parseCertificateRequest(forgeRequest({ key })), only('sha384'), profile);
    const { signatureAlgorithm, ...request } = await parseCertificateRequest(forgeRequest());
    assert.ok(signatureAlgorithm);
    requireParts(request, only('sha384'), profile);
  });

  test('are announced for each kind of key where any will do, else for the one that is announced', () => {
    const announced = (settings: Partial<GroupSettings>) =>
      announcementOf(
        groupWith({ signatureHashes: ['sha512', 'sha256'], ...settings }).settings,
        profile,
      )?.signatures.map(oidName);
    assert.deepEqual(announced({}), ['sha512WithRSAEncryption', 'ecdsa-with-SHA512']);
    assert.deepEqual(announced({ keyTypes: ['P-256', 'RSA-2048'] }), ['ecdsa-with-SHA512']);
    assert.deepEqual(announced({ keyTypes: ['Ed25519', 'RSA-2048'] }), []);
  });
});
