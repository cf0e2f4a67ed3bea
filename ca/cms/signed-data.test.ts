import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import { makeCmsSigner } from '../../test/support/cms-signers.ts';
import { openssl } from '../../test/support/est-client.ts';
import { readDer } from '../der.ts';
import { oid } from '../object-identifiers.ts';
import { SignatureFault } from '../sign-structure.ts';
import { type CaSignatureAlgorithm, signatureHashOf } from '../signer.ts';
import { readSignedData, verifySigner } from './read-signed-data.ts';
import { signData } from './signed-data.ts';

const content = Buffer.from('content to be signed');
const signingTime = new Date('2027-01-02T03:04:05Z');
const algorithms = Object.keys(signatureHashOf) as CaSignatureAlgorithm[];

/** OpenSSL 3.0, which stands in for a device here, has no ML-DSA, and Ed25519 not in CMS. */
const knownToOpenssl = algorithms.filter((algorithm) => !/^(ML-DSA|Ed25519)/.test(algorithm));

async function signWith(
  algorithm: CaSignatureAlgorithm,
  contentType = oid['id-ct-KP-aKeyPackage'],
) {
  const signer = await makeCmsSigner(algorithm);
  const { certificate } = signer;
  return {
    signer,
    message: await signData({ contentType, content, signer, certificate, signingTime }),
  };
}

suite('SignedData of ours', () => {
  for (const algorithm of knownToOpenssl)
    test(`OpenSSL verifies it, signed with ${algorithm}`, async () => {
      const { message } = await signWith(algorithm);
      const verified = openssl(
        ['cms', '-verify', '-inform', 'DER', '-noverify', '-binary'],
        message,
      );
      assert.deepEqual(verified, content);
    });

  for (const algorithm of algorithms)
    test(`our own reader verifies it, signed with ${algorithm}`, async () => {
      const { signer, message } = await signWith(algorithm);
      const data = readSignedData(message);
      const [info] = data.signerInfos;
      assert.ok(info);
      assert.equal(data.signerInfos.length, 1);
      assert.deepEqual(Buffer.from(data.content), content);
      assert.deepEqual(data.certificates.map(Buffer.from), [Buffer.from(signer.certificate)]);
      assert.equal(await verifySigner(data, info, signer.verificationKey), true);
    });

  test('is DER, with the versions and algorithms of its kind', async () => {
    const { message } = await signWith('Ed25519');
    readDer(message);
    const printed = openssl(
      ['cms', '-cmsout', '-print', '-noout', '-inform', 'DER'],
      message,
    ).toString();
    assert.match(printed, /d\.signedData:\s+version: 3/);
    assert.match(
      printed,
      /digestAlgorithms:\s+algorithm: sha512 \(2\.16\.840\.1\.101\.3\.4\.2\.3\)\s+parameter: <ABSENT>/,
    );
    assert.match(
      printed,
      /signatureAlgorithm:\s+algorithm: ED25519 \(1\.3\.101\.112\)\s+parameter: <ABSENT>/,
    );
    assert.match(printed, /signerInfos:\s+version: 1\s+d\.issuerAndSerialNumber/);
    assert.match(printed, /UTCTIME:Jan {2}2 03:04:05 2027 GMT/);
  });

  test('is version 1 over id-data (RFC 5652 section 5.1)', async () => {
    const { message } = await signWith('ecdsa-with-SHA256', oid['id-data']);
    const printed = openssl(
      ['cms', '-cmsout', '-print', '-noout', '-inform', 'DER'],
      message,
    ).toString();
    assert.match(printed, /d\.signedData:\s+version: 1/);
  });
});

suite('the digest of the content', () => {
  const digests = {
    'ecdsa-with-SHA256': 'sha256',
    'ecdsa-with-SHA384': 'sha384',
    'ecdsa-with-SHA512': 'sha512',
    sha256WithRSAEncryption: 'sha256',
    'RSASSA-PSS-SHA256': 'sha256',
    Ed25519: 'sha512',
    'ML-DSA-44': 'sha512',
    'ML-DSA-65': 'sha512',
    'ML-DSA-87': 'sha512',
  };
  for (const algorithm of algorithms)
    test(`is ${digests[algorithm]} with ${algorithm}`, async () => {
      const { message } = await signWith(algorithm);
      assert.equal(readSignedData(message).signerInfos[0]?.scheme?.digest, digests[algorithm]);
    });
});

suite('what is not released', () => {
  let signer: Awaited<ReturnType<typeof makeCmsSigner>>;

  before(async () => {
    signer = await makeCmsSigner('ecdsa-with-SHA256');
  });

  test('a signature that does not verify', async () => {
    const broken = {
      ...signer,
      sign: (octets: Uint8Array) => signer.sign(Buffer.concat([octets, content])),
    };
    const { certificate } = signer;
    await assert.rejects(
      signData({ contentType: oid['id-data'], content, signer: broken, certificate, signingTime }),
      SignatureFault,
    );
  });

  test('a certificate of another key', async () => {
    const { certificate } = await makeCmsSigner('ecdsa-with-SHA256');
    await assert.rejects(
      signData({ contentType: oid['id-data'], content, signer, certificate, signingTime }),
      /does not belong to the signing key/,
    );
  });
});

test('further certificates go along, in the order of DER', async () => {
  const signer = await makeCmsSigner('ecdsa-with-SHA256');
  const others = await Promise.all([1, 2].map(() => makeCmsSigner('ecdsa-with-SHA256')));
  const message = await signData({
    contentType: oid['id-data'],
    content,
    signer,
    certificate: signer.certificate,
    certificates: others.map(({ certificate }) => certificate),
    signingTime,
  });
  const expected = [signer, ...others]
    .map(({ certificate }) => Buffer.from(certificate))
    .toSorted(Buffer.compare);
  assert.deepEqual(readSignedData(message).certificates.map(Buffer.from), expected);
});
