import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SoftwareSigner } from '../test/support/software-signer.ts';
import { makeCaCertificate, signCaCertificate } from './ca-certificate.ts';
import type { CaCertificate } from './ca-chain.ts';
import { extensionOf } from './certificate.ts';
import { rootCaProfile } from './certificate-profile.ts';
import { readDer, sameBytes } from './der.ts';
import { encodeSubject } from './distinguished-name.ts';
import { makeRootLinks, type RootWithKey } from './root-links.ts';

const subject = encodeSubject({ commonName: 'Test Root CA' });

async function makeRoot(
  now: string,
  more: { endsAfter?: Date; subject?: Uint8Array; nextRootKey?: Uint8Array } = {},
): Promise<RootWithKey> {
  const signer = new SoftwareSigner('P-384');
  const { endsAfter, nextRootKey } = more;
  const certificate = await makeCaCertificate({
    profile: nextRootKey ? { ...rootCaProfile, ca: { nextRootKey } } : rootCaProfile,
    subject: more.subject ?? subject,
    publicKey: signer.publicKey,
    signer,
    now: new Date(now),
    ...(endsAfter ? { endsAfter } : {}),
  });
  return { certificate, signer };
}

const old = await makeRoot('2026-01-01T00:00:00Z');
const next = await makeRoot('2030-01-01T00:00:00Z');
const { oldWithNew, newWithOld } = await makeRootLinks(old, next);
const four = [old.certificate, oldWithNew, newWithOld, next.certificate];

const authorityOf = (certificate: CaCertificate) => {
  const extension = extensionOf(certificate, 'authorityKeyIdentifier');
  return extension && readDer(extension.value).children[0]?.content;
};
const authorityIs = (certificate: CaCertificate, root: RootWithKey) =>
  sameBytes(authorityOf(certificate) ?? new Uint8Array(), root.certificate.keyIdentifier);

test('all four have one name (ROL-01), a serial number of their own (ROL-07), and are CAs (ROL-05)', () => {
  for (const { subject: name, issuer, x509 } of four) {
    assert.deepEqual([name, issuer], [subject, subject]);
    assert.ok(x509.ca);
  }
  assert.equal(new Set(four.map(({ serialNumber }) => serialNumber)).size, 4);
  for (const certificate of four)
    assert.equal(extensionOf(certificate, 'keyUsage')?.critical, true);
});

test('OldWithNew: the old key by the new one, as long as the old root (ROL-02, ROL-06)', () => {
  assert.ok(oldWithNew.x509.verify(next.certificate.x509.publicKey));
  assert.deepEqual(oldWithNew.subjectPublicKeyInfo, old.certificate.subjectPublicKeyInfo);
  assert.deepEqual(oldWithNew.notBefore, old.certificate.notBefore);
  assert.deepEqual(oldWithNew.notAfter, old.certificate.notAfter);
  assert.equal(oldWithNew.id, old.certificate.id);
  assert.ok(authorityIs(oldWithNew, next));
});

test('NewWithOld: the new key by the old one, until the old root ends (ROL-03, ROL-06)', () => {
  assert.ok(newWithOld.x509.verify(old.certificate.x509.publicKey));
  assert.deepEqual(newWithOld.subjectPublicKeyInfo, next.certificate.subjectPublicKeyInfo);
  assert.deepEqual(newWithOld.notBefore, next.certificate.notBefore);
  assert.deepEqual(newWithOld.notAfter, old.certificate.notAfter);
  assert.equal(newWithOld.id, next.certificate.id);
  assert.ok(authorityIs(newWithOld, old));
});

test('in the order of DER, links come before the self-signed certificates', () => {
  const octets = four.map(({ der }) => der).toSorted(Buffer.compare);
  const places = four.map(({ der }) => octets.indexOf(der));
  assert.ok(Math.max(...places.slice(1, 3)) < Math.min(places[0] ?? 0, places[3] ?? 0));
});

test('the new root ends after the old one, which is how clients know it (CAC-07)', async () => {
  const endsAfter = old.certificate.notAfter;
  const sameDay = await makeRoot('2026-01-01T00:00:00Z', { endsAfter });
  assert.ok(sameDay.certificate.notAfter > endsAfter);
  const early = await makeRoot('2025-01-01T00:00:00Z');
  await assert.rejects(makeRootLinks(old, early), /must end after the old one/);
});

test('a root of another name is no successor', async () => {
  const stranger = await makeRoot('2030-01-01T00:00:00Z', {
    subject: encodeSubject({ commonName: 'Another Root CA' }),
  });
  await assert.rejects(makeRootLinks(old, stranger), /have the same name/);
});

test('a root names the key of the one after it (RFC 8649), and a link does not', async () => {
  const { certificate } = await makeRoot('2026-01-01T00:00:00Z', {
    nextRootKey: next.certificate.subjectPublicKeyInfo,
  });
  const extension = extensionOf(certificate, 'id-ce-hashOfRootKey');
  assert.equal(extension?.critical, false);
  const [algorithm, digest, surplus] = readDer(extension.value).children;
  assert.equal(surplus, undefined);
  // id-sha256 without parameters
  assert.deepEqual(
    Buffer.from(algorithm?.bytes ?? []).toString('hex'),
    '300b0609608648016503040201',
  );
  const expected = await crypto.subtle.digest(
    'SHA-256',
    Uint8Array.from(next.certificate.subjectPublicKeyInfo),
  );
  assert.deepEqual(Buffer.from(digest?.content ?? []), Buffer.from(expected));
  assert.equal(extensionOf(newWithOld, 'id-ce-hashOfRootKey'), undefined);
  // Under another key it would be taken for the word of a root.
  const link = {
    profile: { ...rootCaProfile, ca: { nextRootKey: next.certificate.subjectPublicKeyInfo } },
    subject,
    publicKey: next.certificate.subjectPublicKeyInfo,
    signer: old.signer,
    issuer: old.certificate,
    notBefore: next.certificate.notBefore,
    notAfter: old.certificate.notAfter,
  };
  await assert.rejects(signCaCertificate(link), /hashOfRootKey must not be critical/);
});
