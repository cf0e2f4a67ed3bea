import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { openssl } from '../test/support/est-client.ts';
import { memoryLedger } from '../test/support/memory-ledger.ts';
import { makePlan, makePublicKey, makeSoftwareCa } from '../test/support/software-ca.ts';
import { readCertificate } from './certificate.ts';
import { CertificateAuthority } from './certificate-authority.ts';
import {
  cmcResponderProfile,
  ocspResponderProfile,
  type Profile,
  statusPointers,
} from './certificate-profile.ts';
import type { StatusUrls } from './compose-certificate.ts';
import { readOcspCertificate } from './ocsp-certificate.ts';

const ca = await makeSoftwareCa();
/** Another CA of the same name. */
const impostor = await makeSoftwareCa();
const { ocspNoCheck: _, ...withoutNoCheck } = ocspResponderProfile;

async function issue(
  profile: Profile,
  { issuing, signer } = ca,
  publicKey = makePublicKey(),
  statusUrls?: StatusUrls,
) {
  const ledger = memoryLedger();
  const authority = new CertificateAuthority({
    issuer: issuing,
    signer,
    ledger,
    serialPrefix: 1,
    ...(statusUrls ? { statusUrls } : {}),
  });
  return (await authority.issue(makePlan({ profile, publicKey, endpoints: [] }))).certificate;
}

function print(der: Uint8Array, ...extensions: readonly string[]): string {
  const args = ['x509', '-inform', 'DER', '-noout', '-ext', extensions.join(',')];
  return openssl(args, Buffer.from(der)).toString();
}

test('the profile makes a certificate that may sign OCSP answers, for a year', async () => {
  const certificate = readOcspCertificate(await issue(ocspResponderProfile), ca.issuing);
  assert.equal(certificate.x509.ca, false);
  assert.deepEqual(certificate.x509.keyUsage, ['1.3.6.1.5.5.7.3.9']);
  const days = (certificate.notAfter.getTime() - Date.now()) / 86_400_000;
  assert.ok(days > 364 && days < 366);
  assert.match(print(certificate.der, 'noCheck'), /^OCSP No Check: *\n/);
});

test('of another issuer, for another purpose, over the issuing key, to be checked itself: refused', async () => {
  const cases = [
    [await issue(ocspResponderProfile, impostor), /was not signed by the issuing CA/],
    [await issue(cmcResponderProfile), /does not say id-kp-OCSPSigning/],
    [
      await issue(ocspResponderProfile, ca, readCertificate(ca.issuing.der)),
      /over the key that signs certificates/,
    ],
    [await issue(withoutNoCheck), /does not say id-pkix-ocsp-nocheck/],
  ] as const;
  for (const [der, message] of cases)
    assert.throws(() => readOcspCertificate(der, ca.issuing), { message });
});

test('the linter refuses nocheck in a certificate for anything else, and beside what it contradicts', async () => {
  const urls = { crl: 'http://pki.example/a.crl', issuer: 'http://pki.example/a.cer' };
  const contradictions = [
    { ...cmcResponderProfile, ocspNoCheck: true } as const,
    { ...ocspResponderProfile, statusPointers },
  ];
  for (const profile of contradictions)
    await assert.rejects(issue(profile, ca, makePublicKey(), urls), {
      name: 'LintFindings',
      message: /OCSP-10|nocheck/,
    });
});

test('certificates say where their status is, where the profile does', async () => {
  const plain = { ...withoutNoCheck, statusPointers, extendedKeyUsage: ['clientAuth'] } as const;
  const under = (urls?: StatusUrls, profile: Profile = plain) =>
    issue(profile, ca, makePublicKey(), urls);
  const urls = {
    crl: 'http://pki.example/crl/issuing.crl',
    issuer: 'http://pki.example/issuing.cer',
  };
  const ocsp = 'http://pki.example/ocsp';
  const der = await under({ ...urls, ocsp });
  const access = new X509Certificate(der).infoAccess;
  assert.equal(access, `OCSP - URI:${ocsp}\nCA Issuers - URI:${urls.issuer}`);
  assert.match(
    print(der, 'crlDistributionPoints'),
    /^X509v3 CRL Distribution Points: *\n +Full Name:\n +URI:http:\/\/pki\.example\/crl\/issuing\.crl\n$/,
  );
  const withoutOcsp = new X509Certificate(await under(urls));
  assert.doesNotMatch(withoutOcsp.infoAccess ?? '', /OCSP/);
  const silentOnes = [await under(), await under(urls, { ...plain, statusPointers: [] })];
  for (const silent of silentOnes) {
    assert.equal(new X509Certificate(silent).infoAccess, undefined);
    assert.doesNotMatch(print(silent, 'crlDistributionPoints'), /URI/);
  }
});
