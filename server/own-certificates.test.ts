/** The subjects and profiles of the server's own certificates, as an operator can change them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtInProfiles } from '../ca/built-in-profiles.ts';
import { ocspResponderProfile, tlsServerProfile } from '../ca/certificate-profile.ts';
import { checkProfile } from '../ca/check-profile.ts';
import { readDer } from '../ca/der.ts';
import { describeName, readName } from '../ca/distinguished-name.ts';
import { makePublicKey, makeSoftwareCa } from '../test/support/software-ca.ts';
import { delegatedPlan, tlsServerPlan } from './own-certificates.ts';

const publicKey = makePublicKey().subjectPublicKeyInfo;
const subjectOf = ({ subject }: { subject: Uint8Array }) =>
  describeName(readName(readDer(subject)));

test('as built in', async () => {
  const { issuing } = await makeSoftwareCa({ commonName: 'Acme Issuing CA' });
  const plan = delegatedPlan('ocsp', issuing, publicKey, 'ann');
  assert.equal(subjectOf(plan), 'commonName=Acme OCSP');
  assert.equal(plan.profile, ocspResponderProfile);
  const tls = tlsServerPlan(['DNS:est.example', 'IP:192.0.2.1'], publicKey, 'ann');
  assert.equal(subjectOf(tls), 'commonName=est.example');
  assert.equal(tls.profile, tlsServerProfile);
});

test('as an operator says: another subject, another end', async () => {
  const { issuing } = await makeSoftwareCa({ commonName: 'Acme Issuing CA' });
  const subject = { organizationName: 'Acme', commonName: 'Status of {ca}' };
  const profile = checkProfile('ocsp-responder', { subject, validity: '30d' }, builtInProfiles());
  const named = (name: string) => (name === profile.name ? profile : assert.fail(name));
  const plan = delegatedPlan('ocsp', issuing, publicKey, 'ann', { named });
  assert.equal(subjectOf(plan), 'organizationName=Acme, commonName=Status of Acme');
  assert.equal(plan.profile, profile);
});

test('a long name of the CA, or of the host, is cut to what a common name can hold', async () => {
  const { issuing } = await makeSoftwareCa({ commonName: 'A'.repeat(64) });
  const [name] = readName(readDer(delegatedPlan('cmc', issuing, publicKey, 'ann').subject));
  assert.equal(name?.text, `${'A'.repeat(60)} CMC`);
  const [host] = readName(
    readDer(tlsServerPlan([`DNS:${'a'.repeat(70)}`], publicKey, 'ann').subject),
  );
  assert.equal(host?.text, 'a'.repeat(64));
});
