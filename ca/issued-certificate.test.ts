/**
 * What stands in the certificates we issue: the profile of RFC 5280 as an auditor would check it, on finished certificates.
 */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { openssl, withFile } from '../test/support/est-client.ts';
import { memoryLedger } from '../test/support/memory-ledger.ts';
import { makePlan, makeSoftwareCa, type SoftwareCa } from '../test/support/software-ca.ts';
import { type Certificate, extensionOf, readCertificate } from './certificate.ts';
import { CertificateAuthority } from './certificate-authority.ts';
import type { CertificatePlan } from './certificate-plan.ts';
import { deviceProfile, tlsServerProfile } from './certificate-profile.ts';
import { type DerElement, encodeOid, readDer, sameBytes, tags } from './der.ts';
import { encodeSubject, readName } from './distinguished-name.ts';
import { defaultEndpointArc, readUpstreamEndpoints } from './extensions/upstream-endpoints.ts';
import { octetsKey } from './object-identifiers.ts';
import type { CaKeyType } from './signer.ts';

const hexOf = (octets: Uint8Array | undefined) => Buffer.from(octets ?? []).toString('hex');

/** Issues by a clock that stands still. */
async function issue(
  ca: SoftwareCa,
  changes: Partial<CertificatePlan> = {},
  now = new Date(),
): Promise<Certificate> {
  const authority = new CertificateAuthority({
    issuer: ca.issuing,
    signer: ca.signer,
    ledger: memoryLedger(),
    serialPrefix: 1,
    clock: () => now,
  });
  return readCertificate((await authority.issue(makePlan(changes))).certificate);
}

/** The elements of TBSCertificate, in their order. */
function fieldsOf(certificate: Certificate): readonly DerElement[] {
  return readDer(certificate.toBeSigned).children;
}

for (const type of ['P-256', 'P-384', 'RSA-3072'] satisfies CaKeyType[])
  describe(`a certificate under a CA key of ${type}`, () => {
    let ca: SoftwareCa;
    let certificate: Certificate;
    const plan = makePlan({
      subject: encodeSubject({ commonName: 'device-1', serialNumber: '42' }),
      subjectAltNames: ['DNS:device-1.example', 'IP:192.0.2.1'],
      endpoints: ['mqtts://a.example:8883', 'mqtts://b.example:8883'],
    });
    before(async () => {
      ca = await makeSoftwareCa({ type });
      certificate = await issue(ca, plan);
    });

    test('OpenSSL verifies it as strictly as it can, as a TLS client', () => {
      const pem = (der: Uint8Array) => openssl(['x509', '-inform', 'DER'], der).toString();
      const verify = (purpose: string) =>
        withFile(pem(ca.root.der) + pem(ca.issuing.der), (file) =>
          openssl(
            ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', file],
            pem(certificate.der),
          ),
        );
      assert.match(verify('sslclient').toString(), /OK/);
      assert.throws(() => verify('sslserver'));
    });

    test('version 3, positive serial number of at most 20 octets', () => {
      const [version, serial] = fieldsOf(certificate);
      assert.equal(hexOf(version?.bytes), 'a003020102');
      assert.ok(serial && serial.content.length <= 20 && (serial.content[0] ?? 0) < 0x80);
      assert.ok(serial.content.some((octet) => octet !== 0));
    });

    test('one signature algorithm, inside and outside, with the parameters of its RFC', () => {
      const [, algorithm] = readDer(certificate.der).children;
      const expected = {
        'P-256': '300a06082a8648ce3d040302',
        'P-384': '300a06082a8648ce3d040303',
        'RSA-3072': '300d06092a864886f70d01010b0500',
      };
      assert.equal(hexOf(algorithm?.bytes), expected[type]);
      assert.equal(hexOf(fieldsOf(certificate)[2]?.bytes), expected[type]);
    });

    test('the issuer is octet for octet the subject of the CA', () => {
      assert.ok(sameBytes(certificate.issuer, ca.issuing.subject));
      assert.ok(readName(readDer(certificate.issuer)).length > 0);
    });

    test('subject, key and names are the plan’s', () => {
      assert.ok(sameBytes(certificate.subject, plan.subject));
      assert.ok(sameBytes(certificate.subjectPublicKeyInfo, plan.publicKey.subjectPublicKeyInfo));
      const san = extensionOf(certificate, 'subjectAltName');
      assert.equal(san?.critical, false);
      assert.equal(
        hexOf(san?.value),
        `30188210${Buffer.from('device-1.example').toString('hex')}8704c0000201`,
      );
    });

    test('keyUsage, extendedKeyUsage and basicConstraints in DER', () => {
      const usage = extensionOf(certificate, 'keyUsage');
      assert.deepEqual([usage?.critical, hexOf(usage?.value)], [true, '03020780']);
      const purposes = extensionOf(certificate, 'extKeyUsage');
      assert.deepEqual(
        [purposes?.critical, hexOf(purposes?.value)],
        [false, '300a06082b06010505070302'],
      );
      assert.equal(hexOf(extensionOf(certificate, 'basicConstraints')?.value), '3000');
    });

    test('key identifiers: SHA-1 of the BIT STRING, and the issuer’s', () => {
      const own = extensionOf(certificate, 'subjectKeyIdentifier');
      const digest = createHash('sha1').update(plan.publicKey.subjectPublicKey).digest('hex');
      assert.deepEqual([own?.critical, hexOf(own?.value)], [false, `0414${digest}`]);
      const authority = extensionOf(certificate, 'authorityKeyIdentifier');
      const issuers = extensionOf(ca.issuing, 'subjectKeyIdentifier');
      assert.deepEqual(
        [authority?.critical, hexOf(authority?.value)],
        [false, `30168014${hexOf(issuers?.value).slice(4)}`],
      );
    });

    test('the endpoints, in our extension and in Subject Information Access', () => {
      const own = certificate.extensions.get(octetsKey(encodeOid(`${defaultEndpointArc}.1`)));
      assert.equal(own?.critical, false);
      assert.deepEqual(readUpstreamEndpoints(own?.value ?? new Uint8Array()), plan.endpoints);
      const printed = openssl(
        ['x509', '-inform', 'DER', '-noout', '-ext', 'subjectInfoAccess'],
        certificate.der,
      ).toString();
      assert.equal(
        printed,
        `Subject Information Access: \n${plan.endpoints
          .map((uri) => `    ${defaultEndpointArc}.2 - URI:${uri}\n`)
          .join('')}`,
      );
    });

    test('no unique identifiers, no extension twice, nothing that was not planned', () => {
      const fields = fieldsOf(certificate);
      assert.deepEqual(
        fields.slice(7).map(({ tag }) => tag),
        [0xa3],
      );
      const extensions = fields[7]?.children[0]?.children ?? [];
      const types = extensions.map(({ children: [type] }) => hexOf(type?.bytes));
      assert.equal(new Set(types).size, types.length);
      assert.equal(types.length, 8);
    });
  });

describe('validity', () => {
  let ca: SoftwareCa;
  const setUp = new Date('2045-01-01T00:00:00Z');
  before(async () => {
    ca = await makeSoftwareCa({ now: setUp });
  });
  const timesOf = (certificate: Certificate) =>
    (fieldsOf(certificate)[4]?.children ?? []).map(({ tag, content }) => [
      tag === tags.utcTime ? 'UTCTime' : 'GeneralizedTime',
      Buffer.from(content).toString('latin1'),
    ]);
  const profile = (validity: string) => ({
    profile: deviceProfile({ validity, endpoints: 'none' }),
  });

  const rows: [now: string, validity: string, notBefore: string[], notAfter: string[]][] = [
    ['2045-06-01T00:00:00.000Z', '1d', ['UTCTime', '450531235500Z'], ['UTCTime', '450602000000Z']],
    // A fraction of a second is in neither time.
    ['2045-06-01T00:00:00.999Z', '30s', ['UTCTime', '450531235500Z'], ['UTCTime', '450601000030Z']],
    ['2049-12-31T23:59:58.500Z', '1s', ['UTCTime', '491231235458Z'], ['UTCTime', '491231235959Z']],
    [
      '2049-12-31T23:59:59.999Z',
      '1s',
      ['UTCTime', '491231235459Z'],
      ['GeneralizedTime', '20500101000000Z'],
    ],
    [
      '2050-06-01T00:00:00.001Z',
      '1h',
      ['GeneralizedTime', '20500531235500Z'],
      ['GeneralizedTime', '20500601010000Z'],
    ],
    // Never beyond the issuer's own end.
    [
      '2054-12-29T00:00:00.000Z',
      '90d',
      ['GeneralizedTime', '20541228235500Z'],
      ['GeneralizedTime', '20541230000000Z'],
    ],
  ];
  for (const [now, validity, notBefore, notAfter] of rows)
    test(`${validity} at ${now}`, async () => {
      const certificate = await issue(ca, profile(validity), new Date(now));
      assert.deepEqual(timesOf(certificate), [notBefore, notAfter]);
      assert.ok(certificate.notAfter <= ca.issuing.notAfter);
    });

  test('it does not begin before its issuer', async () => {
    const justAfter = new Date(ca.issuing.notBefore.getTime() + 1500);
    const certificate = await issue(ca, profile('1d'), justAfter);
    assert.deepEqual(certificate.notBefore, ca.issuing.notBefore);
  });
});

describe('what a plan and a profile leave out', () => {
  let ca: SoftwareCa;
  before(async () => {
    ca = await makeSoftwareCa();
  });

  test('no endpoints, no names: no such extensions', async () => {
    const certificate = await issue(ca, { endpoints: [] });
    assert.equal(extensionOf(certificate, 'subjectAltName'), undefined);
    assert.equal(extensionOf(certificate, 'subjectInfoAccess'), undefined);
    assert.equal(certificate.extensions.size, 5);
  });

  test('a profile without endpoints leaves a plan’s out', async () => {
    const certificate = await issue(ca, { profile: tlsServerProfile });
    assert.equal(certificate.extensions.size, 5);
    assert.equal(hexOf(extensionOf(certificate, 'extKeyUsage')?.value), '300a06082b06010505070301');
  });

  test('endpoints of one device are not another’s', async () => {
    const authority = new CertificateAuthority({
      issuer: ca.issuing,
      signer: ca.signer,
      ledger: memoryLedger(),
      serialPrefix: 1,
    });
    const endpoint = octetsKey(encodeOid(`${defaultEndpointArc}.1`));
    for (const uri of ['mqtts://a.example', 'mqtts://b.example', 'mqtts://a.example']) {
      const { certificate } = await authority.issue(makePlan({ endpoints: [uri] }));
      const value = readCertificate(certificate).extensions.get(endpoint)?.value;
      assert.deepEqual(readUpstreamEndpoints(value ?? new Uint8Array()), [uri]);
    }
  });

  test('the certificates of the CA itself', () => {
    const { root, issuing } = ca;
    for (const certificate of [root, issuing]) {
      const usage = extensionOf(certificate, 'keyUsage');
      assert.deepEqual([usage?.critical, hexOf(usage?.value)], [true, '03020106']);
      assert.equal(extensionOf(certificate, 'basicConstraints')?.critical, true);
      assert.equal(extensionOf(certificate, 'extKeyUsage'), undefined);
      assert.ok(extensionOf(certificate, 'subjectKeyIdentifier'));
    }
    assert.equal(hexOf(extensionOf(root, 'basicConstraints')?.value), '30030101ff');
    assert.equal(hexOf(extensionOf(issuing, 'basicConstraints')?.value), '30060101ff020100');
    assert.ok(sameBytes(root.subject, root.issuer));
    // By it, who knows two roots of one name picks the right one (RFC 4210 section 4.4).
    const authority = extensionOf(root, 'authorityKeyIdentifier')?.value ?? assert.fail();
    assert.ok(sameBytes(readDer(authority).children[0]?.content ?? authority, root.keyIdentifier));
    assert.ok(issuing.notAfter <= root.notAfter);
  });
});
