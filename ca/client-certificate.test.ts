import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type CertificateParts, forgeCertificate } from '../test/support/forged-certificate.ts';
import {
  algorithm,
  extension,
  nullValue,
  oidOf,
  sequence,
} from '../test/support/forged-request.ts';
import { memoryLedger } from '../test/support/memory-ledger.ts';
import { makePlan, makeSoftwareCa, type SoftwareCa } from '../test/support/software-ca.ts';
import { CertificateAuthority } from './certificate-authority.ts';
import { tlsServerProfile } from './certificate-profile.ts';
import { ClientCertificateValidator } from './client-certificate.ts';
import { encode, encodeTime, tags } from './der.ts';

let ca: SoftwareCa;
let validator: ClientCertificateValidator;
before(async () => {
  ca = await makeSoftwareCa();
  validator = new ClientCertificateValidator({ certificates: [ca.issuing] });
});

const hour = 3_600_000;
const later = (milliseconds: number) => new Date(Date.now() + milliseconds);
const isTrue = encode(tags.boolean, Uint8Array.of(0xff));
const authorityKeyIdentifier = (keyIdentifier: Uint8Array) =>
  extension('2.5.29.35', sequence(encode(0x80, keyIdentifier)));
const keyUsage = (...content: number[]) =>
  extension('2.5.29.15', encode(tags.bitString, Uint8Array.from(content)), isTrue);
const purposes = (...dotted: string[]) => extension('2.5.29.37', sequence(...dotted.map(oidOf)));
const clientAuth = '1.3.6.1.5.5.7.3.2';

/** A certificate that is good but for what the test changes, signed by the CA. */
function certify(
  { extensions = [], ...parts }: CertificateParts = {},
  issuer = ca.issuing,
): Promise<Uint8Array> {
  return forgeCertificate({
    issuer: issuer.subject,
    signer: ca.signer,
    ...parts,
    extensions: [authorityKeyIdentifier(issuer.keyIdentifier), ...extensions],
  });
}

function authorityOf({ issuing, signer }: SoftwareCa): CertificateAuthority {
  return new CertificateAuthority({
    issuer: issuing,
    signer,
    ledger: memoryLedger(),
    serialPrefix: 1,
  });
}

function refuses(der: Uint8Array, reason: RegExp, now = new Date()): void {
  const verdict = validator.validate(der, now);
  assert.equal(verdict.valid, false);
  assert.match(verdict.valid ? '' : verdict.reason, reason);
}

test('a certificate that the CA issued to a device is good, and its issuer is told', async () => {
  const { certificate } = await authorityOf(ca).issue(makePlan());
  const verdict = validator.validate(certificate, new Date());
  assert.ok(verdict.valid);
  assert.equal(verdict.issuer, ca.issuing);
});

describe('certificates that are good', () => {
  const good: Record<string, Uint8Array[]> = {
    'no further extensions': [],
    'clientAuth among other purposes': [purposes('1.3.6.1.5.5.7.3.1', clientAuth)],
    'an unknown extension that is not critical': [extension('1.2.3.4', nullValue)],
    'the endpoint extension': [
      extension('2.25.167961711462897340840238540640387591537.1', sequence()),
    ],
    'critical extensions that are examined': [
      keyUsage(7, 0x80),
      extension('2.5.29.19', sequence(), isTrue),
      extension('2.5.29.37', sequence(oidOf(clientAuth)), isTrue),
    ],
  };
  for (const [what, extensions] of Object.entries(good))
    test(what, async () => {
      assert.ok(validator.validate(await certify({ extensions }), new Date()).valid);
    });
});

describe('certificates that are not', () => {
  const rows: [what: string, certificate: () => Promise<Uint8Array>, reason: RegExp][] = [
    ['not yet valid', () => certify({ notBefore: encodeTime(later(60_000)) }), /not yet valid/],
    ['expired', () => certify({ notAfter: encodeTime(later(-1000)) }), /expired/],
    [
      'of a CA with the same name and another key',
      async () => {
        const impostor = await makeSoftwareCa();
        const { certificate } = await authorityOf(impostor).issue(makePlan());
        return certificate;
      },
      /not issued by this CA/,
    ],
    [
      'with the name and key identifier of the CA, signed by another key',
      async () => certify({ signer: (await makeSoftwareCa()).signer }),
      /signature is wrong/,
    ],
    [
      'under another issuer’s name with the CA’s key identifier',
      async () => certify({ issuer: ca.root.subject }),
      /not issued by this CA/,
    ],
    [
      'without authorityKeyIdentifier',
      () => forgeCertificate({ issuer: ca.issuing.subject, signer: ca.signer }),
      /not issued by this CA/,
    ],
    [
      'signed by itself',
      () => forgeCertificate({ issuer: ca.issuing.subject }),
      /not issued by this CA/,
    ],
    ['the CA itself', async () => ca.issuing.der, /not issued by this CA/],
    ['the root', async () => ca.root.der, /not issued by this CA/],
    [
      'a CA certificate',
      () => certify({ extensions: [extension('2.5.29.19', sequence(isTrue), isTrue)] }),
      /CA certificate/,
    ],
    [
      'a server’s',
      async () =>
        (await authorityOf(ca).issue(makePlan({ profile: tlsServerProfile }))).certificate,
      /clientAuth/,
    ],
    [
      'for code signing',
      () => certify({ extensions: [purposes('1.3.6.1.5.5.7.3.3')] }),
      /clientAuth/,
    ],
    // CVE-2026-40097 is a crash on this one.
    ['for no purpose at all', () => certify({ extensions: [purposes()] }), /clientAuth/],
    [
      'for encipherment alone',
      () => certify({ extensions: [keyUsage(5, 0x20)] }),
      /digitalSignature/,
    ],
    ['for no usage at all', () => certify({ extensions: [keyUsage(0)] }), /digitalSignature/],
    [
      'with an unknown critical extension',
      () => certify({ extensions: [extension('1.2.3.4', nullValue, isTrue)] }),
      /unknown critical/,
    ],
    [
      'with critical name constraints',
      () => certify({ extensions: [extension('2.5.29.30', sequence(), isTrue)] }),
      /unknown critical/,
    ],
    [
      'with a malformed purpose',
      () => certify({ extensions: [extension('2.5.29.37', Uint8Array.of(0x30, 0x80))] }),
      /malformed/,
    ],
    [
      'with a malformed authorityKeyIdentifier',
      () =>
        forgeCertificate({
          issuer: ca.issuing.subject,
          signer: ca.signer,
          extensions: [extension('2.5.29.35', Uint8Array.of(0x30, 0x80))],
        }),
      /malformed/,
    ],
    [
      'with an octet after its end',
      async () => Buffer.concat([await certify(), Uint8Array.of(0)]),
      /malformed/,
    ],
    [
      'with two signature algorithms',
      () => certify({ outerAlgorithm: algorithm('1.2.840.10045.4.3.3') }),
      /malformed/,
    ],
    [
      'with a signature algorithm that does not fit the CA’s key',
      () => {
        const rsa = algorithm('1.2.840.113549.1.1.11', nullValue);
        return certify({ innerAlgorithm: rsa, outerAlgorithm: rsa });
      },
      /signature is wrong/,
    ],
    // Well-formed for a DER reader, not for OpenSSL.
    [
      'with a subject that is no Name',
      () => certify({ subject: sequence(nullValue) }),
      /malformed/,
    ],
    ['nothing', async () => new Uint8Array(), /malformed/],
  ];
  for (const [what, certificate, reason] of rows)
    test(what, async () => refuses(await certificate(), reason));

  test('one issued by a device', async () => {
    // A leaf that poses as a CA under its own name and key identifier.
    const leaf = await makeSoftwareCa({ commonName: 'device-1' });
    const { certificate } = await authorityOf(leaf).issue(makePlan());
    refuses(certificate, /not issued by this CA/);
  });

  test('one with any bit of the signature or the subject changed', async () => {
    const good = await certify();
    assert.ok(validator.validate(good, new Date()).valid);
    const subject = Buffer.from(good).indexOf('device-1');
    for (const at of [good.length - 1, good.length - 30, subject]) {
      const changed = Uint8Array.from(good);
      changed[at] = (changed[at] ?? 0) ^ 1;
      refuses(changed, /signature is wrong|malformed/);
    }
  });
});

describe('time is asked at every request, whatever is remembered', () => {
  test('the first and the last moment', async () => {
    const [begins, ends] = [new Date('2030-01-01T00:00:00Z'), new Date('2030-01-02T00:00:00Z')];
    const der = await certify({ notBefore: encodeTime(begins), notAfter: encodeTime(ends) });
    assert.ok(validator.validate(der, begins).valid);
    // The period includes both ends (RFC 5280 section 4.1.2.5).
    assert.ok(validator.validate(der, ends).valid);
    refuses(der, /expired/, new Date(ends.getTime() + 1));
    refuses(der, /not yet valid/, new Date(begins.getTime() - 1));
  });

  test('a certificate that was good before expires all the same', async () => {
    const der = await certify();
    for (const now of [new Date(), later(1000)]) assert.ok(validator.validate(der, now).valid);
    refuses(der, /expired/, later(2 * hour));
    assert.ok(validator.validate(der, new Date()).valid);
  });

  test('a wrong signature is not remembered as good', async () => {
    const der = await certify({ signer: (await makeSoftwareCa()).signer });
    for (let i = 0; i < 3; i++) refuses(der, /signature is wrong/);
  });
});

test('of several issuers, the one that signed counts', async () => {
  const second = await makeSoftwareCa();
  const both = new ClientCertificateValidator({ certificates: [ca.issuing, second.issuing] });
  const { certificate } = await authorityOf(second).issue(makePlan());
  const verdict = both.validate(certificate, new Date());
  assert.equal(verdict.valid && verdict.issuer, second.issuing);
});
