import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { makeCmsSigner } from '../../test/support/cms-signers.ts';
import { commonName } from '../../test/support/forged-request.ts';
import { type Certificate, extensionOf, readCertificate } from '../certificate.ts';
import { encode, readDer, tags } from '../der.ts';
import { octetsKey, oid } from '../object-identifiers.ts';
import {
  encodeCertificateIdentifier,
  identifiesCertificate,
  issuerAndSerialNumberOf,
  readCertificateIdentifier,
} from './certificate-identifier.ts';

let certificate: Certificate;

before(async () => {
  certificate = readCertificate((await makeCmsSigner('ecdsa-with-SHA256')).certificate);
});

const byKeyIdentifier = (keyIdentifier: Uint8Array) =>
  ({ kind: 'subjectKeyIdentifier', keyIdentifier }) as const;

function keyIdentifier(): Uint8Array {
  const extension = extensionOf(certificate, 'subjectKeyIdentifier');
  assert.ok(extension);
  return readDer(extension.value).content;
}

test('a certificate is known by its issuer and serial number together', () => {
  const { issuer, serialNumber } = certificate;
  assert.equal(identifiesCertificate(issuerAndSerialNumberOf(certificate), certificate), true);
  for (const other of [
    { issuer, serialNumber: `${serialNumber}00` },
    { issuer: commonName('Another CA'), serialNumber },
  ])
    assert.equal(identifiesCertificate(issuerAndSerialNumberOf(other), certificate), false);
});

test('a certificate is known by its subject key identifier', () => {
  assert.equal(identifiesCertificate(byKeyIdentifier(keyIdentifier()), certificate), true);
  assert.equal(identifiesCertificate(byKeyIdentifier(new Uint8Array(20)), certificate), false);
});

test('a certificate without the extension is known by no key identifier', () => {
  const bare = { ...certificate, extensions: new Map() };
  assert.equal(identifiesCertificate(byKeyIdentifier(keyIdentifier()), bare), false);
});

test('a certificate whose extension is malformed is known by no key identifier, and does no harm', () => {
  const type = octetsKey(oid.subjectKeyIdentifier);
  const nonsense = { critical: false, value: Buffer.from('04ff', 'hex') };
  const other = { critical: false, value: encode(tags.utf8String, keyIdentifier()) };
  for (const value of [nonsense, other]) {
    const malformed = { ...certificate, extensions: new Map([[type, value]]) };
    assert.equal(identifiesCertificate(byKeyIdentifier(keyIdentifier()), malformed), false);
  }
});

test('both forms are read as they are encoded', () => {
  for (const identifier of [byKeyIdentifier(keyIdentifier()), issuerAndSerialNumberOf(certificate)])
    assert.deepEqual(
      readCertificateIdentifier(readDer(encodeCertificateIdentifier(identifier))),
      identifier,
    );
});
