/**
 * Signature algorithms that no PKCS#11 2.40 token makes for a CA: the signer port and the encodings, with software keys,
 * and the published examples of RFC 9881.
 */

import assert from 'node:assert/strict';
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { openssl, withFile } from '../test/support/est-client.ts';
import { keyPairs, spkiOf } from '../test/support/forged-request.ts';
import { memoryLedger } from '../test/support/memory-ledger.ts';
import { makePlan, makeSoftwareCa, type SoftwareCa } from '../test/support/software-ca.ts';
import { readVector } from '../test/support/vectors.ts';
import { readCaCertificate, readCaChain } from './ca-chain.ts';
import { CertificateAuthority } from './certificate-authority.ts';
import { ClientCertificateValidator } from './client-certificate.ts';
import { signatureAlgorithmIdentifier } from './compose-certificate.ts';
import { encode, encodeOid, readDer, tags } from './der.ts';
import { readPublicKey } from './key-rules.ts';
import { SignatureFault, signStructure } from './sign-structure.ts';

const hexOf = (octets: Uint8Array | undefined) => Buffer.from(octets ?? []).toString('hex');
/** The two AlgorithmIdentifiers of a certificate, inside and outside. */
function algorithmsOf(certificate: Uint8Array): string[] {
  const [tbs, outer] = readDer(certificate).children;
  return [hexOf(tbs?.children[2]?.bytes), hexOf(outer?.bytes)];
}

const sha256 = '300d06096086480165030402010500';
const expected = {
  'RSASSA-PSS-SHA256': `304106092a864886f70d01010a3034a00f${sha256}a11c301a06092a864886f70d010108${sha256}a203020120`,
  Ed25519: '300506032b6570',
  'ML-DSA-44': '300b0609608648016503040311',
  'ML-DSA-65': '300b0609608648016503040312',
  'ML-DSA-87': '300b0609608648016503040313',
} as const;
const algorithms = Object.keys(expected) as (keyof typeof expected)[];
/** The device has a key of the same kind. */
const deviceKeys: Record<(typeof algorithms)[number], KeyObject> = {
  'RSASSA-PSS-SHA256': keyPairs.RSA.publicKey,
  Ed25519: keyPairs.Ed25519.publicKey,
  'ML-DSA-44': keyPairs['ML-DSA-44'].publicKey,
  'ML-DSA-65': keyPairs['ML-DSA-65'].publicKey,
  'ML-DSA-87': keyPairs['ML-DSA-87'].publicKey,
};

function flipped(octets: Uint8Array, at = octets.length - 1): Uint8Array {
  const copy = Uint8Array.from(octets);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

for (const algorithm of algorithms)
  describe(`a CA that signs with ${algorithm}`, () => {
    let ca: SoftwareCa;
    let certificate: Uint8Array;
    before(async () => {
      const type = algorithm === 'RSASSA-PSS-SHA256' ? 'RSA-3072-PSS' : algorithm;
      ca = await makeSoftwareCa({ type });
      const authority = new CertificateAuthority({
        issuer: ca.issuing,
        signer: ca.signer,
        ledger: memoryLedger(),
        serialPrefix: 1,
      });
      const publicKey = readPublicKey(readDer(spkiOf(deviceKeys[algorithm])));
      ({ certificate } = await authority.issue(makePlan({ publicKey })));
    });

    test('its chain is a chain', () => {
      const chain = readCaChain({ issuing: ca.issuing.der, above: [ca.root.der] });
      assert.equal(chain.issuing.id, ca.issuing.id);
      for (const der of [ca.root.der, ca.issuing.der])
        assert.deepEqual(algorithmsOf(der), [expected[algorithm], expected[algorithm]]);
    });

    test('a chain with one bit changed is none', () => {
      const issuing = flipped(ca.issuing.der, ca.issuing.der.length - 40);
      assert.throws(() => readCaChain({ issuing, above: [ca.root.der] }));
    });

    test('a device’s certificate says so twice, and verifies', () => {
      assert.deepEqual(algorithmsOf(certificate), [expected[algorithm], expected[algorithm]]);
      const x509 = new X509Certificate(certificate);
      assert.ok(x509.checkIssued(ca.issuing.x509));
      assert.ok(x509.verify(ca.issuing.x509.publicKey));
      assert.ok(!x509.verify(ca.root.x509.publicKey));
      assert.deepEqual(spkiOf(x509.publicKey), spkiOf(deviceKeys[algorithm]));
    });

    test('and authenticates its device', () => {
      const validator = new ClientCertificateValidator({ certificates: [ca.issuing] });
      assert.equal(validator.validate(certificate, new Date()).valid, true);
      const forged = flipped(certificate, certificate.length - 40);
      assert.equal(validator.validate(forged, new Date()).valid, false);
    });

    test('what the signer returns is verified', async () => {
      const toBeSigned = encode(tags.sequence, encodeOid('1.2.3'));
      await signStructure(toBeSigned, ca.signer);
      const faults: ((signature: Buffer) => Uint8Array)[] = [
        (signature) => flipped(signature, 40),
        ({ length }) => new Uint8Array(length),
        () => new Uint8Array(),
        (signature) => Buffer.concat([signature, Uint8Array.of(0)]),
      ];
      for (const distort of faults) {
        ca.signer.distort = distort;
        await assert.rejects(signStructure(toBeSigned, ca.signer), SignatureFault);
      }
      ca.signer.distort = (signature) => signature;
    });

    if (!algorithm.startsWith('ML-DSA'))
      test('OpenSSL verifies it as strictly as it can', () => {
        const pem = (der: Uint8Array) => openssl(['x509', '-inform', 'DER'], der).toString();
        const verified = withFile(pem(ca.root.der) + pem(ca.issuing.der), (file) =>
          openssl(
            ['verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', file],
            pem(certificate),
          ),
        );
        assert.match(verified.toString(), /OK/);
      });
  });

describe('the examples of RFC 9881', () => {
  for (const algorithm of ['ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87'] as const)
    test(`the certificate of ${algorithm} verifies, and its algorithm is encoded as ours`, () => {
      const der = readVector(`rfc9881-${algorithm}.crt`);
      const certificate = readCaCertificate(der);
      assert.ok(certificate.x509.verify(certificate.x509.publicKey));
      const ours = hexOf(signatureAlgorithmIdentifier(algorithm));
      assert.deepEqual(algorithmsOf(der), [ours, ours]);
      const key = readPublicKey(readDer(certificate.subjectPublicKeyInfo));
      assert.equal(key.kind, algorithm);
      for (const at of [der.length - 1, der.length - 1000, der.indexOf('LAMPS')]) {
        const changed = new X509Certificate(flipped(der, at));
        assert.ok(!changed.verify(certificate.x509.publicKey));
      }
    });

  test('public keys alone are those of the certificates', () => {
    for (const algorithm of ['ML-DSA-44', 'ML-DSA-65']) {
      const certificate = readCaCertificate(readVector(`rfc9881-${algorithm}.crt`));
      assert.equal(
        hexOf(certificate.subjectPublicKeyInfo),
        hexOf(readVector(`rfc9881-${algorithm}.pub`)),
      );
    }
  });

  test('private keys that contradict themselves are refused by OpenSSL', () => {
    for (const number of [1, 2, 3]) {
      const key = readVector(`rfc9881-bad-ML-DSA-44-${number}.priv`);
      assert.throws(() => createPrivateKey({ key, format: 'der', type: 'pkcs8' }), {
        code: 'ERR_OSSL_INVALID_KEY',
      });
    }
  });
});
