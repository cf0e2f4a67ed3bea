/**
 * CMS messages between Bouncy Castle and us, in both directions.
 */

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { chooseAlgorithms, type EnvelopeAlgorithms } from '../../ca/cms/envelope-algorithms.ts';
import { envelopData } from '../../ca/cms/enveloped-data.ts';
import { readSignedData, verifySigner } from '../../ca/cms/read-signed-data.ts';
import type { Recipient } from '../../ca/cms/recipient-key.ts';
import { signData } from '../../ca/cms/signed-data.ts';
import { readDer } from '../../ca/der.ts';
import { octetsKey, oid } from '../../ca/object-identifiers.ts';
import { BouncyCastleCms } from '../support/bouncy-castle-cms.ts';
import { type CmsSigner, makeCmsSigner } from '../support/cms-signers.ts';
import {
  capabilitiesOf,
  makeRecipient,
  makeSharedKeyRecipient,
} from '../support/envelope-recipients.ts';

const keyPackage = '2.16.840.1.101.2.1.2.78.5';
const content = Buffer.from('content that is long enough for a few segments of sixteen octets');
let bouncyCastle: BouncyCastleCms;

before(async () => {
  bouncyCastle = await BouncyCastleCms.compile();
});
after(() => bouncyCastle[Symbol.dispose]());

suite('Bouncy Castle verifies SignedData of ours', () => {
  test('RSA, RSASSA-PSS, ECDSA and Ed25519', async () => {
    const algorithms = [
      'sha256WithRSAEncryption',
      'RSASSA-PSS-SHA256',
      'ecdsa-with-SHA256',
      'ecdsa-with-SHA384',
      'Ed25519',
    ] as const;
    const operations: string[][] = [];
    for (const algorithm of algorithms) {
      const signer = await makeCmsSigner(algorithm);
      const contentType = oid['id-ct-KP-aKeyPackage'];
      const { certificate } = signer;
      const message = await signData({
        contentType,
        content,
        signer,
        certificate,
        signingTime: new Date(),
      });
      operations.push([
        'verify',
        bouncyCastle.write(`${algorithm}.p7s`, message),
        bouncyCastle.file(`${algorithm}.out`),
      ]);
    }
    assert.deepEqual(
      await bouncyCastle.run(...operations),
      algorithms.map(() => keyPackage),
    );
    for (const algorithm of algorithms)
      assert.deepEqual(bouncyCastle.read(`${algorithm}.out`), content);
  });
});

suite('we verify SignedData of Bouncy Castle', () => {
  const cases = [
    ['sha256WithRSAEncryption', 'SHA512withRSA'],
    ['sha256WithRSAEncryption', 'SHA256withRSAandMGF1'],
    ['ecdsa-with-SHA256', 'SHA256withECDSA'],
    ['ecdsa-with-SHA384', 'SHA384withECDSA'],
    ['Ed25519', 'Ed25519'],
  ] as const;
  const signers = new Map<string, CmsSigner>();

  before(async () => {
    const operations: string[][] = [];
    const input = bouncyCastle.write('content', content);
    for (const [algorithm] of cases)
      if (!signers.has(algorithm)) signers.set(algorithm, await makeCmsSigner(algorithm));
    for (const [algorithm, name] of cases) {
      const signer = signers.get(algorithm);
      assert.ok(signer);
      const keyFile = bouncyCastle.write(
        `${algorithm}.key`,
        signer.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      );
      const certificate = bouncyCastle.write(`${algorithm}.cer`, signer.certificate);
      for (const form of ['definite', 'indefinite'])
        operations.push([
          'sign',
          '1.3.6.1.5.5.7.12.2',
          input,
          keyFile,
          certificate,
          name,
          form,
          bouncyCastle.file(`${name}.${form}`),
        ]);
    }
    await bouncyCastle.run(...operations);
  });

  for (const [algorithm, name] of cases)
    for (const form of ['definite', 'indefinite'])
      test(`${name}, ${form} lengths`, async () => {
        const message = bouncyCastle.read(`${name}.${form}`);
        if (form === 'indefinite') assert.throws(() => readDer(message), /indefinite/);
        const signer = signers.get(algorithm);
        const data = readSignedData(message);
        const [info] = data.signerInfos;
        assert.ok(info && signer);
        assert.deepEqual(Buffer.from(data.content), content);
        assert.equal(await verifySigner(data, info, signer.verificationKey), true);
      });
});

suite('Bouncy Castle opens EnvelopedData of ours', () => {
  const everything = capabilitiesOf(
    'id-aes128-wrap',
    'id-aes256-wrap',
    'id-RSAES-OAEP',
    'aes256-CBC',
  );

  async function envelop(
    recipient: Recipient,
    algorithms?: EnvelopeAlgorithms,
  ): Promise<Uint8Array> {
    const chosen = algorithms ?? chooseAlgorithms(recipient, everything);
    assert.ok(chosen);
    return envelopData({
      contentType: oid['id-signedData'],
      content,
      recipient,
      algorithms: chosen,
    });
  }

  test('for a shared key, RSA and each curve', async () => {
    const shared = makeSharedKeyRecipient(256);
    const operations = [
      [
        'open',
        bouncyCastle.write('kek.p7m', await envelop(shared)),
        octetsKey(shared.key),
        bouncyCastle.file('kek.out'),
      ],
    ];
    const kinds = ['RSA', 'P-256', 'P-384', 'P-521'] as const;
    for (const kind of kinds) {
      const { recipient, privateKey } = makeRecipient(kind);
      const key = bouncyCastle.write(
        `${kind}.pem`,
        privateKey.export({ type: 'pkcs8', format: 'pem' }),
      );
      const message = bouncyCastle.write(`${kind}.p7m`, await envelop(recipient));
      operations.push(['open', message, key, bouncyCastle.file(`${kind}.out`)]);
    }
    const type = '1.2.840.113549.1.7.3 1.2.840.113549.1.7.2';
    assert.deepEqual(
      await bouncyCastle.run(...operations),
      operations.map(() => type),
    );
    for (const name of ['kek', ...kinds])
      assert.deepEqual(bouncyCastle.read(`${name}.out`), content);
  });

  for (const scheme of [
    'dhSinglePass-stdDH-sha256kdf-scheme',
    'dhSinglePass-stdDH-hkdf-sha256-scheme',
  ] as const)
    test(`for X25519 with ${scheme}`, async () => {
      const { recipient, privateKey } = makeRecipient('X25519');
      const keyManagement = { technique: 'kari', scheme, wrap: 256 } as const;
      const message = bouncyCastle.write(
        'x25519.p7m',
        await envelop(recipient, { keyManagement, content: 256 }),
      );
      const key = bouncyCastle.write(
        'key.x25519.pem',
        privateKey.export({ type: 'pkcs8', format: 'pem' }),
      );
      await bouncyCastle.run(['open', message, key, bouncyCastle.file('x25519.out')]);
      assert.deepEqual(bouncyCastle.read('x25519.out'), content);
    });
});
