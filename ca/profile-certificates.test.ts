/** What profiles put into certificates, as Node and the linter read them. */

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { memoryLedger } from '../test/support/memory-ledger.ts';
import { makePlan, makeSoftwareCa, type SoftwareCa } from '../test/support/software-ca.ts';
import { builtInProfiles } from './built-in-profiles.ts';
import { type Certificate, extensionOf, readCertificate } from './certificate.ts';
import { CertificateAuthority } from './certificate-authority.ts';
import type { ProfileConfig } from './certificate-profile.ts';
import { checkProfile } from './check-profile.ts';
import { readDer } from './der.ts';
import { readPublicKey } from './key-rules.ts';
import { dotted } from './object-identifiers.ts';

let ca: SoftwareCa;
before(async () => {
  ca = await makeSoftwareCa();
});

const keys = {
  RSA: () => generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey,
  EC: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey,
  Ed25519: () => generateKeyPairSync('ed25519').publicKey,
  'ML-DSA-44': () => generateKeyPairSync('ml-dsa-44').publicKey,
};

async function issue(config: ProfileConfig, key: keyof typeof keys = 'EC'): Promise<Certificate> {
  const { issuing: issuer, signer } = ca;
  const url = 'http://pki.example';
  const authority = new CertificateAuthority({
    issuer,
    signer,
    ledger: memoryLedger(),
    serialPrefix: 1,
    statusUrls: { crl: `${url}/crl`, issuer: `${url}/ca`, ocsp: `${url}/ocsp` },
  });
  const profile = checkProfile('written', config, builtInProfiles());
  const info = keys[key]().export({ type: 'spki', format: 'der' });
  const plan = makePlan({ profile, publicKey: readPublicKey(readDer(info)) });
  return readCertificate((await authority.issue(plan)).certificate);
}

const hex = (octets: Uint8Array | undefined) => Buffer.from(octets ?? []).toString('hex');

describe('key usage as fits the key (RFC 4055, RFC 8813, RFC 8410, RFC 9881)', () => {
  const keyUsage = ['digitalSignature', 'keyEncipherment', 'keyAgreement'] as const;
  const expected = {
    RSA: '030205a0',
    EC: '03020388',
    Ed25519: '03020780',
    'ML-DSA-44': '03020780',
  };
  for (const [key, value] of Object.entries(expected))
    test(key, async () => {
      const certificate = await issue({ keyUsage }, key as keyof typeof keys);
      assert.equal(hex(extensionOf(certificate, 'keyUsage')?.value), value);
    });
});

test('noRevAvail is NULL, not critical, and no pointer to a status stands beside it (RFC 9608)', async () => {
  const certificate = await issue({ noRevAvail: true, validity: '1d' });
  const extension = extensionOf(certificate, 'noRevAvail');
  assert.equal(hex(extension?.value), '0500');
  assert.equal(extension?.critical, false);
  assert.equal(extensionOf(certificate, 'crlDistributionPoints'), undefined);
  const access = hex(extensionOf(certificate, 'authorityInfoAccess')?.value);
  assert.match(access, /2b06010505073002/);
  assert.doesNotMatch(access, /2b06010505073001/);
  assert.equal(extensionOf(await issue({}), 'noRevAvail'), undefined);
});

test('certificate policies, with and without a practice statement', async () => {
  const cps = 'http://x.example/cps';
  const certificate = await issue({ certificatePolicies: ['1.2.3.4', { oid: '1.2.3.5', cps }] });
  const [plain, qualified, more] = readDer(
    extensionOf(certificate, 'certificatePolicies')?.value ?? new Uint8Array(),
  ).children;
  assert.equal(hex(plain?.bytes), '300506032a0304');
  assert.ok(hex(qualified?.bytes).includes(hex(Buffer.from(cps))));
  assert.ok(hex(qualified?.bytes).includes('06082b06010505070201'));
  assert.equal(more, undefined);
});

test('a purpose by its number', async () => {
  const certificate = await issue({ extendedKeyUsage: ['clientAuth', '1.3.6.1.5.5.7.3.17'] });
  assert.ok(hex(extensionOf(certificate, 'extKeyUsage')?.value).endsWith('06082b06010505070311'));
});

test('validity and back-dating', async () => {
  const issued = Date.now();
  const { notBefore, notAfter } = await issue({ validity: '2h', backdate: '1m' });
  assert.equal(notAfter.getTime() - notBefore.getTime(), 121 * 60_000);
  assert.ok(Math.abs(issued - 60_000 - notBefore.getTime()) < 30_000);
});

describe('the carrier of the endpoints', () => {
  const carriers = {
    extension: [true, false],
    sia: [false, true],
    'extension-and-sia': [true, true],
    none: [false, false],
  } as const;
  for (const [endpoints, [extension, sia]] of Object.entries(carriers))
    test(endpoints, async () => {
      const certificate = await issue({ endpoints: endpoints as keyof typeof carriers });
      const octets = hex(certificate.toBeSigned);
      assert.equal(octets.includes('81fcdc9feefec1b2bff989a8e0fb95a3afda7101'), extension);
      assert.equal(extensionOf(certificate, 'subjectInfoAccess') !== undefined, sia);
    });
});

test('the pointers to the status that are written, and no other', async () => {
  const certificate = await issue({ statusPointers: ['ocsp'] });
  assert.equal(extensionOf(certificate, 'crlDistributionPoints'), undefined);
  const access = hex(extensionOf(certificate, 'authorityInfoAccess')?.value);
  assert.doesNotMatch(access, /2b06010505073002/);
  assert.equal(dotted.noRevAvail, '2.5.29.56');
});
