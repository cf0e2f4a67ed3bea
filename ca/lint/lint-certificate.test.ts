import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import {
  algorithm,
  bits,
  extension,
  no,
  octets,
  sequence,
  set,
  text,
  uri,
  yes,
} from '../../test/support/der-parts.ts';
import { keyIdentifierOf } from '../certificate.ts';
import { encode, encodeBitString, encodeOid, encodeTime, readDer, tags } from '../der.ts';
import { encodeSubject } from '../distinguished-name.ts';
import { encodeGeneralNames } from '../general-names.ts';
import { extensionRules } from './extension-rules.ts';
import { keyRules } from './key-rules.ts';
import { bodyRules, issuerRules, lintCertificate, selfSignedRules } from './lint-certificate.ts';
import { nameRules } from './name-rules.ts';

const spkiOf = (key: { export(o: { type: 'spki'; format: 'der' }): Buffer }) =>
  key.export({ type: 'spki', format: 'der' });
const keys = {
  ec: spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey),
  ed25519: spkiOf(generateKeyPairSync('ed25519').publicKey),
  x25519: spkiOf(generateKeyPairSync('x25519').publicKey),
  rsa: spkiOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey),
} as const;
const keyIdOf = (spki: Uint8Array) =>
  keyIdentifierOf(readDer(spki).children[1]?.content.subarray(1) ?? spki);

const issuer = {
  subject: encodeSubject({ commonName: 'Issuing CA' }),
  keyIdentifier: keyIdOf(keys.rsa),
  notBefore: new Date('2026-01-01T00:00:00Z'),
  notAfter: new Date('2060-01-01T00:00:00Z'),
};

const subjectAltName = '2.5.29.17';
const sia = '1.3.6.1.5.5.7.1.11';
const extensions = {
  basicConstraints: extension('2.5.29.19', sequence(), yes),
  keyUsage: extension('2.5.29.15', bits(7, 0x80), yes),
  extKeyUsage: extension('2.5.29.37', sequence(encodeOid('1.3.6.1.5.5.7.3.2'))),
  authorityKeyIdentifier: extension('2.5.29.35', sequence(encode(0x80, issuer.keyIdentifier))),
};
const access = (method: string, location: Uint8Array) => sequence(encodeOid(method), location);
const point = (...more: Uint8Array[]) =>
  sequence(encode(0xa0, encode(0xa0, uri('http://crl.example/1.crl'))), ...more);

interface Parts {
  version?: Uint8Array[];
  serialNumber?: Uint8Array;
  algorithm?: Uint8Array;
  issuer?: Uint8Array;
  notBefore?: Uint8Array;
  notAfter?: Uint8Array;
  subject?: Uint8Array;
  key?: Uint8Array;
  beside?: Uint8Array[];
  /** Takes the place of an extension, or leaves it out. */
  replace?: { readonly [Name in keyof typeof extensions]?: Uint8Array | null };
  subjectKeyIdentifier?: Uint8Array | null;
  more?: Uint8Array[];
}

/** A good certificate, but for what is said. */
function toBeSigned(parts: Parts = {}): Uint8Array {
  const { key = keys.ec, replace = {}, more = [], beside = [] } = parts;
  const own = { ...extensions, ...replace };
  const identifier =
    parts.subjectKeyIdentifier === undefined
      ? extension('2.5.29.14', octets(keyIdOf(key)))
      : parts.subjectKeyIdentifier;
  const list = [...Object.values(own), identifier].filter((one) => one !== null);
  return sequence(
    ...(parts.version ?? [encode(0xa0, encode(tags.integer, Uint8Array.of(2)))]),
    parts.serialNumber ?? encode(tags.integer, Buffer.alloc(17, 0x41)),
    parts.algorithm ?? algorithm('1.2.840.10045.4.3.2'),
    parts.issuer ?? issuer.subject,
    sequence(
      parts.notBefore ?? encodeTime(new Date('2026-11-23T00:00:00Z')),
      parts.notAfter ?? encodeTime(new Date('2027-11-23T00:00:00Z')),
    ),
    parts.subject ?? encodeSubject({ commonName: 'device-1', serialNumber: '42' }),
    key,
    ...beside,
    encode(0xa3, sequence(...list, ...more)),
  );
}

const nameOf = (type: string, tag: number, value: string) =>
  sequence(set(sequence(encodeOid(type), text(tag, value))));
const san = (...names: Uint8Array[]) => extension(subjectAltName, sequence(...names));
const good = encodeGeneralNames([
  'DNS:a.example',
  'IP:192.0.2.1',
  'URI:urn:x:1',
  'email:a@b.example',
]);

describe('a certificate without findings', () => {
  const fine: Record<string, Parts> = {
    'of a device': {},
    'with an RSA key': {
      key: keys.rsa,
      replace: { keyUsage: extension('2.5.29.15', bits(5, 0xa0), yes) },
    },
    'with names': { more: [extension(subjectAltName, good)] },
    'with an empty subject': { subject: sequence(), more: [extension(subjectAltName, good, yes)] },
    'until 2055': { notAfter: encodeTime(new Date('2055-01-01T00:00:00Z')) },
    'signed with RSA': { algorithm: algorithm('1.2.840.113549.1.1.11', encode(tags.null)) },
    'of an X25519 key': {
      key: keys.x25519,
      replace: { keyUsage: extension('2.5.29.15', bits(3, 8), yes), extKeyUsage: null },
    },
    'with CRL and OCSP': {
      more: [
        extension('2.5.29.31', sequence(point())),
        extension(
          '1.3.6.1.5.5.7.1.1',
          sequence(access('1.3.6.1.5.5.7.48.1', uri('http://ocsp.example'))),
        ),
      ],
    },
    'without revocation': { more: [extension('2.5.29.56', encode(tags.null))] },
    'with an upstream URI': {
      more: [extension(sia, sequence(access('2.25.1.2', uri('mqtts://a.example'))))],
    },
  };
  for (const [what, parts] of Object.entries(fine))
    test(what, () => assert.deepEqual(lintCertificate(toBeSigned(parts), issuer), []));
});

describe('findings', () => {
  const clientAuth = encodeOid('1.3.6.1.5.5.7.3.2');
  const wrong: Record<string, [rule: string, parts: Parts]> = {
    'version 1': ['CRT-01', { version: [] }],
    'version 2': ['CRT-01', { version: [encode(0xa0, encode(tags.integer, Uint8Array.of(1)))] }],
    'a negative serial number': [
      'CRT-02',
      { serialNumber: encode(tags.integer, Buffer.alloc(17, 0x81)) },
    ],
    'serial number 21 octets long': [
      'CRT-02',
      { serialNumber: encode(tags.integer, Buffer.alloc(21, 1)) },
    ],
    'a short serial number': ['CRT-03', { serialNumber: encode(tags.integer, Buffer.alloc(8, 1)) }],
    'another issuer': ['CRT-05', { issuer: encodeSubject({ commonName: 'issuing ca' }) }],
    'UTCTime after 2049': ['CRT-06', { notAfter: text(tags.generalizedTime, '20270101000000Z') }],
    'an impossible day': ['CRT-06', { notAfter: text(tags.utcTime, '270230000000Z') }],
    'an end before the beginning': [
      'CRT-06',
      { notAfter: encodeTime(new Date('2026-11-01T00:00:00Z')) },
    ],
    'an end after the issuer': [
      'CRT-09',
      { notAfter: encodeTime(new Date('2060-01-02T00:00:00Z')) },
    ],
    'a beginning before the issuer': [
      'CRT-09',
      { notBefore: encodeTime(new Date('2025-12-31T00:00:00Z')) },
    ],
    'neither subject nor names': ['CRT-11', { subject: sequence() }],
    'an empty subject and names that are not critical': [
      'CRT-11',
      { subject: sequence(), more: [extension(subjectAltName, good)] },
    ],
    'a TeletexString': ['CRT-12', { subject: nameOf('2.5.4.3', tags.teletexString, 'x') }],
    'a serialNumber in UTF8String': [
      'CRT-13',
      { subject: nameOf('2.5.4.5', tags.utf8String, '42') },
    ],
    'a common name of 65 characters': [
      'CRT-14',
      { subject: nameOf('2.5.4.3', tags.utf8String, 'x'.repeat(65)) },
    ],
    'a country of three letters': [
      'CRT-14',
      { subject: nameOf('2.5.4.6', tags.printableString, 'DEU') },
    ],
    'an e-mail address in the subject alone': [
      'CRT-15',
      { subject: nameOf('1.2.840.113549.1.9.1', tags.ia5String, 'a@b.example') },
    ],
    'an unsorted multi-valued RDN': [
      'CRT-16',
      {
        subject: sequence(
          set(
            sequence(encodeOid('2.5.4.5'), text(tags.printableString, '1')),
            sequence(encodeOid('2.5.4.3'), text(tags.utf8String, 'a')),
          ),
        ),
      },
    ],
    'a unique identifier': ['CRT-17', { beside: [encode(0x82, Uint8Array.of(0, 1))] }],
    'an extension twice': ['CRT-18', { more: [extensions.extKeyUsage] }],
    'no authorityKeyIdentifier': ['CRT-19', { replace: { authorityKeyIdentifier: null } }],
    'a foreign authorityKeyIdentifier': [
      'CRT-19',
      {
        replace: {
          authorityKeyIdentifier: extension(
            '2.5.29.35',
            sequence(encode(0x80, Buffer.alloc(20, 1))),
          ),
        },
      },
    ],
    'a critical authorityKeyIdentifier': [
      'CRT-19',
      {
        replace: {
          authorityKeyIdentifier: extension(
            '2.5.29.35',
            sequence(encode(0x80, issuer.keyIdentifier)),
            yes,
          ),
        },
      },
    ],
    'no subjectKeyIdentifier': ['CRT-20', { subjectKeyIdentifier: null }],
    'the subjectKeyIdentifier of another key': [
      'CRT-20',
      { subjectKeyIdentifier: extension('2.5.29.14', octets(keyIdOf(keys.rsa))) },
    ],
    'no keyUsage': ['CRT-22', { replace: { keyUsage: null } }],
    'keyUsage not critical': [
      'CRT-22',
      { replace: { keyUsage: extension('2.5.29.15', bits(7, 0x80)) } },
    ],
    'keyUsage with zeros behind': [
      'CRT-23',
      { replace: { keyUsage: extension('2.5.29.15', bits(5, 0x80), yes) } },
    ],
    'an EC key for keyEncipherment': [
      'CRT-24',
      { replace: { keyUsage: extension('2.5.29.15', bits(5, 0xa0), yes) } },
    ],
    'an Ed25519 key for keyAgreement': [
      'CRT-25',
      { key: keys.ed25519, replace: { keyUsage: extension('2.5.29.15', bits(3, 0x88), yes) } },
    ],
    'an X25519 key for signatures': ['CRT-25', { key: keys.x25519 }],
    'a CA that is not critical': [
      'CRT-26',
      {
        replace: {
          basicConstraints: extension('2.5.29.19', sequence(yes)),
          keyUsage: extension('2.5.29.15', bits(2, 0x84), yes),
        },
      },
    ],
    'a CA that may not sign certificates': [
      'CRT-26',
      { replace: { basicConstraints: extension('2.5.29.19', sequence(yes), yes) } },
    ],
    'keyCertSign without CA': [
      'CRT-27',
      { replace: { keyUsage: extension('2.5.29.15', bits(2, 0x84), yes) } },
    ],
    'cA FALSE, written out': [
      'CRT-28',
      { replace: { basicConstraints: extension('2.5.29.19', sequence(no), yes) } },
    ],
    'a path length without CA': [
      'CRT-27',
      {
        replace: {
          basicConstraints: extension(
            '2.5.29.19',
            sequence(encode(tags.integer, Uint8Array.of(0))),
            yes,
          ),
        },
      },
    ],
    'an explicit default': [
      'DER-DEFAULT',
      { replace: { extKeyUsage: extension('2.5.29.37', sequence(clientAuth), no) } },
    ],
    'no names': ['CRT-29', { more: [san()] }],
    'an IP address of five octets': ['CRT-29', { more: [san(encode(0x87, Buffer.alloc(5)))] }],
    'a host name with a blank': ['CRT-29', { more: [san(text(0x82, 'a b'))] }],
    'a host name that is not ASCII': ['CRT-31', { more: [san(text(0x82, 'ä.example'))] }],
    'an e-mail address that is not ASCII': ['CRT-31', { more: [san(text(0x81, 'ä@b.example'))] }],
    'a relative URI': ['CRT-29', { more: [san(uri('/path'))] }],
    'critical names beside a subject': ['CRT-30', { more: [extension(subjectAltName, good, yes)] }],
    'no purposes': ['CRT-32', { replace: { extKeyUsage: extension('2.5.29.37', sequence()) } }],
    'critical purposes': [
      'CRT-32',
      { replace: { extKeyUsage: extension('2.5.29.37', sequence(clientAuth), yes) } },
    ],
    'a purpose twice': [
      'CRT-32',
      { replace: { extKeyUsage: extension('2.5.29.37', sequence(clientAuth, clientAuth)) } },
    ],
    'a purpose without a usage for it': [
      'CRT-32',
      { replace: { keyUsage: extension('2.5.29.15', bits(6, 0x40), yes) } },
    ],
    'a critical distribution point': [
      'CRT-33',
      { more: [extension('2.5.29.31', sequence(point()), yes)] },
    ],
    'a distribution point for some reasons': [
      'CRT-33',
      { more: [extension('2.5.29.31', sequence(point(encode(0x81, Uint8Array.of(1, 2)))))] },
    ],
    'an OCSP responder by https': [
      'CRT-34',
      {
        more: [
          extension(
            '1.3.6.1.5.5.7.1.1',
            sequence(access('1.3.6.1.5.5.7.48.1', uri('https://ocsp.example'))),
          ),
        ],
      },
    ],
    'a policy twice': [
      'CRT-35',
      {
        more: [
          extension(
            '2.5.29.32',
            sequence(sequence(encodeOid('1.2.3')), sequence(encodeOid('1.2.3'))),
          ),
        ],
      },
    ],
    'ECDSA with NULL': [
      'CRT-36',
      { algorithm: algorithm('1.2.840.10045.4.3.2', encode(tags.null)) },
    ],
    'RSA without NULL': ['CRT-36', { algorithm: algorithm('1.2.840.113549.1.1.11') }],
    'no revocation, but a CRL': [
      'CRT-40',
      {
        more: [
          extension('2.5.29.56', encode(tags.null)),
          extension('2.5.29.31', sequence(point())),
        ],
      },
    ],
    'a critical subjectInfoAccess': [
      'SIA-01',
      {
        more: [extension(sia, sequence(access('2.25.1.2', uri('mqtts://a.example'))), yes)],
      },
    ],
    'an empty subjectInfoAccess': ['SIA-01', { more: [extension(sia, sequence())] }],
    'an upstream that is not ASCII': [
      'SIA-03',
      { more: [extension(sia, sequence(access('2.25.1.2', uri('mqtts://ä.example'))))] },
    ],
    'an upstream without scheme': [
      'SIA-03',
      { more: [extension(sia, sequence(access('2.25.1.2', uri('//a.example'))))] },
    ],
    'an upstream that is no URI': [
      'SIA-03',
      { more: [extension(sia, sequence(access('2.25.1.2', text(0x82, 'a.example'))))] },
    ],
    'two subjectInfoAccess': [
      'CRT-18',
      {
        more: ['a', 'b'].map((host) =>
          extension(sia, sequence(access('2.25.1.2', uri(`mqtts://${host}.example`)))),
        ),
      },
    ],
    'an empty issuer': ['CRT-05', { issuer: sequence() }],
    'RSASSA-PSS without parameters': ['CRT-36', { algorithm: algorithm('1.2.840.113549.1.1.10') }],
    'the hash of a next root in the certificate of a device': [
      'ROL-8649',
      {
        more: [
          extension(
            '1.3.6.1.4.1.51483.2.1',
            sequence(algorithm('2.16.840.1.101.3.4.2.1'), octets(Buffer.alloc(32))),
          ),
        ],
      },
    ],
    'nocheck of a device': [
      'OCSP-10',
      { more: [extension('1.3.6.1.5.5.7.48.1.5', encode(tags.null))] },
    ],
    'a CMC service of a device': [
      'RA-05',
      {
        more: [extension(sia, sequence(access('1.3.6.1.5.5.7.48.12', uri('https://cmc.example'))))],
      },
    ],
  };
  const found = new Set<string>();

  for (const [what, [rule, parts]] of Object.entries(wrong))
    test(`${what}: ${rule}`, () => {
      const findings = lintCertificate(toBeSigned(parts), issuer);
      assert.deepEqual([...new Set(findings.map((finding) => finding.rule))], [rule]);
      for (const { says } of findings) found.add(says);
    });

  test('of each rule', () => {
    const rules = [
      ...bodyRules,
      ...nameRules,
      ...keyRules,
      ...extensionRules,
      ...issuerRules(issuer),
    ];
    assert.deepEqual(
      rules.map(([, says]) => says).filter((says) => !found.has(says)),
      [],
    );
  });

  test('what is no certificate', () => {
    for (const junk of [new Uint8Array(), sequence(), encodeBitString(Buffer.alloc(3))])
      assert.deepEqual(
        lintCertificate(junk, issuer).map(({ rule }) => rule),
        ['DER'],
      );
  });

  test('a certificate that signs itself is a CA, and its own issuer', () => {
    assert.deepEqual(
      lintCertificate(toBeSigned()).map(({ rule }) => rule),
      selfSignedRules.map(([rule]) => rule),
    );
    assert.equal(selfSignedRules.length, 2);
  });
});
