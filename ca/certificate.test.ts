import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type CertificateParts, forgeCertificate } from '../test/support/forged-certificate.ts';
import { extension, nullValue, oidOf, sequence, text } from '../test/support/forged-request.ts';
import { makeSoftwareCa } from '../test/support/software-ca.ts';
import { readCaCertificate, readCaChain } from './ca-chain.ts';
import { fingerprintOf, readCertificate } from './certificate.ts';
import { encode, tags } from './der.ts';

const utc = (digits: string) => text(tags.utcTime, digits);
const generalized = (digits: string) => text(tags.generalizedTime, digits);
const boolean = (value: number) => encode(tags.boolean, Uint8Array.of(value));

describe('validity', () => {
  const read: Record<string, [Uint8Array, string]> = {
    'this century': [utc('300101000000Z'), '2030-01-01T00:00:00.000Z'],
    'the last year of UTCTime': [utc('491231235959Z'), '2049-12-31T23:59:59.000Z'],
    'the last century': [utc('500101000000Z'), '1950-01-01T00:00:00.000Z'],
    'after 2049': [generalized('20500101000000Z'), '2050-01-01T00:00:00.000Z'],
    'no end': [generalized('99991231235959Z'), '9999-12-31T23:59:59.000Z'],
    '29 February': [utc('280229000000Z'), '2028-02-29T00:00:00.000Z'],
  };
  for (const [what, [notAfter, expected]] of Object.entries(read))
    test(what, async () => {
      const certificate = readCertificate(await forgeCertificate({ notAfter }));
      assert.equal(certificate.notAfter.toISOString(), expected);
    });

  const refused: Record<string, Uint8Array> = {
    'month 13': utc('301301000000Z'),
    '30 February': utc('300230000000Z'),
    '29 February of another year': utc('290229000000Z'),
    'day 0': utc('300100000000Z'),
    'hour 24': utc('300101240000Z'),
    'second 60': utc('300101000060Z'),
    'GeneralizedTime before 2050': generalized('20490101000000Z'),
    'digits in an OCTET STRING': text(tags.octetString, '20500101000000Z'),
  };
  for (const [what, notAfter] of Object.entries(refused))
    test(`${what} is refused`, async () => {
      const der = await forgeCertificate({ notAfter });
      assert.throws(() => readCertificate(der), { name: 'CertificateError' });
    });
});

describe('what is no X.509 version 3 certificate is refused', () => {
  const refused: Record<string, CertificateParts> = {
    'no version': { version: null },
    'version 2': { version: encode(0xa0, encode(tags.integer, Uint8Array.of(1))) },
    'a version that is no number': { version: encode(0xa0, nullValue) },
    'two signature algorithms': { innerAlgorithm: sequence(oidOf('1.2.840.10045.4.3.3')) },
    'an extension twice': {
      extensions: [extension('1.2.3.4', nullValue), extension('1.2.3.4', nullValue)],
    },
    'an extension without a value': { extensions: [sequence(oidOf('1.2.3.4'))] },
    'an extension without a type': { extensions: [sequence()] },
    'an extension with a second value': {
      extensions: [sequence(oidOf('1.2.3.4'), boolean(0xff), nullValue, encode(tags.octetString))],
    },
    'an extension with a number for critical': {
      extensions: [extension('1.2.3.4', nullValue, encode(tags.integer, Uint8Array.of(1)))],
    },
  };
  for (const [what, parts] of Object.entries(refused))
    test(what, async () => {
      const der = await forgeCertificate(parts);
      assert.throws(() => readCertificate(der), { name: 'CertificateError' });
    });

  test('a request, a list, nothing', () => {
    for (const der of [sequence(), sequence(sequence(), sequence()), Buffer.from('05', 'hex')])
      assert.throws(() => readCertificate(der), { name: /^(CertificateError|DerError)$/ });
  });
});

describe('what is no CA certificate is not taken for one', () => {
  const identifier = extension('2.5.29.14', encode(tags.octetString, new Uint8Array(20)));
  const refused: Record<string, Uint8Array[]> = {
    'no basicConstraints': [identifier],
    'empty basicConstraints': [identifier, extension('2.5.29.19', sequence())],
    'cA FALSE': [identifier, extension('2.5.29.19', sequence(boolean(0)))],
    'no subjectKeyIdentifier': [extension('2.5.29.19', sequence(boolean(0xff)))],
  };
  for (const [what, extensions] of Object.entries(refused))
    test(what, async () => {
      const der = await forgeCertificate({ extensions });
      assert.throws(() => readCaCertificate(der), /CA certificate/);
    });

  test('a root that another signed, an issuing certificate of another root', async () => {
    const [one, two] = [await makeSoftwareCa(), await makeSoftwareCa()];
    readCaChain({ issuing: one.issuing.der, above: [one.root.der] });
    assert.throws(
      () => readCaChain({ issuing: one.issuing.der, above: [one.issuing.der] }),
      /not self-signed/,
    );
    assert.throws(
      () => readCaChain({ issuing: two.issuing.der, above: [one.root.der] }),
      /was not signed by/,
    );
  });

  test('a signature that is wrong in one bit', async () => {
    const { root, issuing } = await makeSoftwareCa();
    for (const which of ['root', 'issuing'] as const) {
      const files = { root: Uint8Array.from(root.der), issuing: Uint8Array.from(issuing.der) };
      const der = files[which];
      der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
      assert.throws(
        () => readCaChain({ issuing: files.issuing, above: [files.root] }),
        /not (self-signed|signed by)/,
      );
    }
  });
});

test('a fingerprint as OpenSSL prints it', () => {
  assert.equal(
    fingerprintOf(Buffer.from('abc')),
    'BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD',
  );
});
