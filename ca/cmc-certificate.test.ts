import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryLedger } from '../test/support/memory-ledger.ts';
import { makePlan, makePublicKey, makeSoftwareCa } from '../test/support/software-ca.ts';
import { readCertificate } from './certificate.ts';
import { CertificateAuthority } from './certificate-authority.ts';
import { cmcResponderProfile, type Profile, tlsServerProfile } from './certificate-profile.ts';
import { readCmcCertificate } from './cmc-certificate.ts';

const ca = await makeSoftwareCa();
/** Another CA of the same name. */
const impostor = await makeSoftwareCa();

async function issue(profile: Profile, { issuing, signer } = ca, publicKey = makePublicKey()) {
  const ledger = memoryLedger();
  const authority = new CertificateAuthority({ issuer: issuing, signer, ledger, serialPrefix: 1 });
  return (await authority.issue(makePlan({ profile, publicKey, endpoints: [] }))).certificate;
}

test('the profile makes a certificate that may sign CMC answers, and ends with its issuer', async () => {
  const certificate = readCmcCertificate(await issue(cmcResponderProfile), ca.issuing);
  assert.equal(certificate.x509.ca, false);
  assert.ok(certificate.notAfter <= ca.issuing.notAfter);
});

test('of another issuer, for another purpose or over the issuing key: refused', async () => {
  const cases = [
    [await issue(cmcResponderProfile, impostor), /was not signed by the issuing CA/],
    [ca.issuing.der, /was not signed by the issuing CA/],
    [await issue(tlsServerProfile), /does not say id-kp-cmcCA/],
    [await issue({ ...cmcResponderProfile, extendedKeyUsage: [] }), /does not say id-kp-cmcCA/],
    [await issue(cmcResponderProfile, ca, readCertificate(ca.issuing.der)), /over the key that/],
  ] as const;
  for (const [der, message] of cases)
    assert.throws(() => readCmcCertificate(der, ca.issuing), { message });
});
