/** CsrAttrs in both forms, octet for octet against RFC 9908, and in the form that DER gives it whatever is asked for. */

import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { readVector } from '../test/support/vectors.ts';
import { type CsrAttributes, encodeCsrAttributes, type KeyTemplate } from './csr-attributes.ts';
import { type DerElement, encode, encodeOid, readDer, sameBytes, tags } from './der.ts';
import { extendedKeyUsage } from './extensions/extended-key-usage.ts';
import { encodeExtension } from './extensions/extension.ts';
import { keyUsage } from './extensions/key-usage.ts';
import { dotted, oid, oidName } from './object-identifiers.ts';
import { rsaWeakness } from './rsa-weakness.ts';

const nothing: CsrAttributes = { attributes: [], extensions: [], subject: [], signatures: [] };
const templateType = oid['id-aa-certificationRequestInfoTemplate'];

/** The template apart from the list, which older clients read. */
function split(content: Partial<CsrAttributes>): { list: Uint8Array; template?: DerElement } {
  const { children } = readDer(encodeCsrAttributes({ ...nothing, ...content }));
  const isTemplate = ({ children: [type] }: DerElement) =>
    type !== undefined && sameBytes(type.bytes, templateType);
  const list = children.filter((element) => !isTemplate(element)).map(({ bytes }) => bytes);
  const [template, ...more] = children.filter(isTemplate);
  assert.equal(more.length, 0);
  return { list: encode(tags.sequence, ...list), ...(template ? { template } : {}) };
}

/** The CertificationRequestInfoTemplate itself. */
function templateOf(content: Partial<CsrAttributes>): DerElement {
  const [info, ...more] = split(content).template?.children[1]?.children ?? [];
  assert.ok(info && more.length === 0);
  return info;
}

const hex = (octets: Uint8Array | undefined) => Buffer.from(octets ?? []).toString('hex');
/** The type of an attribute or extension, by name. */
const typeOf = ({ children: [type] }: DerElement) => type && oidName(type.bytes);

describe('the list is what RFC 9908 section 5 has for the same', () => {
  const { challengePassword, serialNumber } = oid;
  const [acpExtension] =
    readDer(readVector('rfc9908-5.1-realistic-acp.b64')).children[0]?.children[1]?.children[0]
      ?.children ?? [];
  const examples: Record<string, Partial<CsrAttributes>> = {
    'rfc9908-5.1-realistic-acp': {
      extensions: [
        { type: oid.subjectAltName, extension: acpExtension?.bytes ?? new Uint8Array() },
      ],
    },
    // The attribute types that no request of ours has stand where those of the subject do.
    'rfc9908-5.2-rfc7030-example01': {
      attributes: [challengePassword],
      key: { algorithm: 'ecPublicKey', curve: 'secp384r1' },
      subject: [encodeOid('1.3.6.1.1.1.1.22')],
      signatures: [oid['ecdsa-with-SHA384']],
    },
    'rfc9908-5.4-harkins01': {
      attributes: [challengePassword],
      key: { algorithm: 'rsaEncryption', bits: 4096 },
      signatures: [oid.sha256WithRSAEncryption],
    },
    'rfc9908-5.5-harkins02': {
      attributes: [challengePassword],
      key: { algorithm: 'ecPublicKey', curve: 'secp384r1' },
      subject: [serialNumber],
      signatures: [oid['ecdsa-with-SHA384']],
    },
    'rfc9908-5.6-harkins03': {
      attributes: [challengePassword],
      key: { algorithm: 'ecPublicKey', curve: 'secp521r1' },
      subject: [
        encodeOid('1.2.840.113549.1.9.20'),
        encodeOid('0.9.2342.19200300.100.1.5'),
        serialNumber,
      ],
      signatures: [oid['ecdsa-with-SHA512']],
    },
  };
  for (const [name, content] of Object.entries(examples))
    test(name, () => assert.equal(hex(split(content).list), hex(readVector(`${name}.b64`))));
});

test('the template is that of RFC 9908 section 3.4 but for the values that we never give', () => {
  // Made from the dump there, of which no octets were published.
  const example = readDer(
    Buffer.from(
      'MIGpMIGmBgsqhkiG9w0BCRACPTGBljCBkwIBADAsMQcwBQYDVQQDMQ8wDQYDVQQLDAZteURlcHQxEDAOBgNVBAsMB215R3JvdXCgFTATBgcqhkjOPQIBBggqhkjOPQMBB6FJMEcGCyqGSIb3DQEJEAI+MTgwNjAdBgNVHREEFjAUghB3d3cubXlTZXJ2ZXIuY29thwAwDgYDVR0PAQH/BAQDAgOIMAUGA1UdJQ==',
      'base64',
    ),
  );
  const info = example.children[0]?.children[1]?.children[0];
  const [, subject, key, attributes] = info?.children ?? [];
  const extensions = attributes?.children[0]?.children[1]?.children[0]?.children;
  const usage = extensions?.[1]?.bytes;
  assert.ok(info && subject && key && usage);
  const withoutValues = encode(
    tags.sequence,
    encode(tags.integer, Uint8Array.of(0)),
    encode(tags.sequence, ...subject.children.slice(0, 1).map(({ bytes }) => bytes)),
    key.bytes,
    encode(
      0xa1,
      encode(
        tags.sequence,
        encodeOid('1.2.840.113549.1.9.16.2.62'),
        encode(
          tags.set,
          encode(
            tags.sequence,
            encode(tags.sequence, oid.subjectAltName),
            usage,
            encode(tags.sequence, oid.extKeyUsage),
          ),
        ),
      ),
    ),
  );
  const ours = templateOf({
    subject: [oid.commonName],
    key: { algorithm: 'ecPublicKey', curve: 'secp256r1' },
    extensions: [
      { type: oid.subjectAltName },
      { type: oid.keyUsage, extension: usage },
      { type: oid.extKeyUsage },
    ],
  });
  assert.equal(hex(ours.bytes), hex(withoutValues));
  assert.equal(dotted['id-aa-certificationRequestInfoTemplate'], '1.2.840.113549.1.9.16.2.61');
  assert.equal(hex(example.children[0]?.children[0]?.bytes), hex(templateType));
});

const given = [
  { type: oid.keyUsage, extension: keyUsage(['digitalSignature']) },
  { type: oid.extKeyUsage, extension: extendedKeyUsage(['clientAuth']) },
];

describe('the template', () => {
  test('has extensionRequest where every extension has its value', () => {
    const [, attributes] = templateOf({ extensions: given }).children;
    assert.equal(attributes?.tag, 0xa1);
    assert.deepEqual(attributes.children.map(typeOf), ['extensionRequest']);
  });

  test('has neither subject nor key where nothing is asked of them, and always attributes', () => {
    const { children } = templateOf({ subject: [oid.commonName] });
    assert.deepEqual(
      children.map(({ tag }) => tag),
      [tags.integer, tags.sequence, 0xa1],
    );
    assert.equal(hex(children[2]?.bytes), 'a100');
    assert.deepEqual(
      templateOf({ attributes: [oid.otpChallenge] }).children.map(({ tag }) => tag),
      [tags.integer, 0xa1],
    );
  });

  test('leaves the value of an attribute to the client, and sorts attributes as DER does', () => {
    const { attributes } = { attributes: [oid.otpChallenge, oid.challengePassword] };
    const [, set] = templateOf({ attributes, extensions: given }).children;
    const encoded = set?.children.map(({ bytes }) => hex(bytes)) ?? [];
    assert.deepEqual(encoded, [...encoded].sort());
    assert.ok(encoded.includes(hex(encode(tags.sequence, oid.otpChallenge, encode(tags.set)))));
    assert.equal(encoded.length, 3);
  });

  test('is left out where only a signature is asked for, which it would hide', () => {
    const { list, template } = split({ signatures: [oid['ecdsa-with-SHA384']] });
    assert.equal(template, undefined);
    assert.equal(hex(list), '300a06082a8648ce3d040303');
  });
});

describe('keys', () => {
  for (const bits of [2048, 3072, 4096] as const)
    test(`a placeholder of ${bits} bits is read by OpenSSL and nobody's key`, () => {
      const [, key] = templateOf({ key: { algorithm: 'rsaEncryption', bits } }).children;
      assert.equal(key?.tag, 0xa0);
      assert.equal(hex(key.children[0]?.bytes), '300d06092a864886f70d0101010500');
      // IMPLICIT: with the tag that it replaces it is a SubjectPublicKeyInfo.
      const spki = Buffer.from(encode(tags.sequence, key.content));
      const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey({
        key: spki,
        format: 'der',
        type: 'spki',
      });
      assert.equal(asymmetricKeyType, 'rsa');
      assert.equal(asymmetricKeyDetails?.modulusLength, bits);
      const modulus = readDer(key.children[1]?.content.subarray(1) ?? new Uint8Array());
      const n = BigInt(`0x${hex(modulus.children[0]?.content)}`);
      // Bouncy Castle refuses to load a modulus with a small factor, and one that is prime.
      assert.equal(rsaWeakness(n), undefined);
      assert.notEqual(power(2n, n - 1n, n), 1n);
    });

  const others: [key: KeyTemplate, list: string, algorithm: string][] = [
    [
      { algorithm: 'ecPublicKey', curve: 'secp256r1' },
      '3017301506072a8648ce3d0201310a06082a8648ce3d030107',
      '301306072a8648ce3d020106082a8648ce3d030107',
    ],
    [{ algorithm: 'ed25519' }, '3009300706032b65703100', '300506032b6570'],
    [
      { algorithm: 'id-ml-dsa-65' },
      '300f300d06096086480165030403123100',
      '300b0609608648016503040312',
    ],
  ];
  for (const [key, list, algorithm] of others)
    test(`${key.algorithm} has no key in the template`, () => {
      assert.equal(hex(split({ key }).list), list);
      const [, info] = templateOf({ key }).children;
      assert.deepEqual(
        info?.children.map(({ bytes }) => hex(bytes)),
        [algorithm],
      );
    });
});

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let [result, square, rest] = [1n, base % modulus, exponent];
  for (; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

describe('whatever is asked for', () => {
  const keyTemplates: KeyTemplate[] = [
    { algorithm: 'rsaEncryption', bits: 3072 },
    { algorithm: 'ecPublicKey', curve: 'secp521r1' },
    { algorithm: 'ed448' },
  ];
  const contents = fc.record(
    {
      attributes: fc.subarray([oid.challengePassword, oid.estIdentityLinking, oid.otpChallenge]),
      key: fc.constantFrom(...keyTemplates),
      extensions: fc.subarray([
        { type: oid.subjectAltName },
        ...given,
        {
          type: oid.basicConstraints,
          extension: encodeExtension(oid.basicConstraints, Uint8Array.of(0x30, 0)),
        },
        { type: oid.certificatePolicies },
      ]),
      subject: fc.subarray([oid.commonName, oid.serialNumber]),
      signatures: fc.subarray([oid.sha256WithRSAEncryption, oid['ecdsa-with-SHA256']]),
    },
    { requiredKeys: ['attributes', 'extensions', 'subject', 'signatures'] },
  );

  test('the list is strict DER of object identifiers and attributes, each type once', () => {
    fc.assert(
      fc.property(contents, (content) => {
        const list = readDer(split(content).list);
        const types = list.children.map((element) => {
          if (element.tag === tags.oid) return hex(element.bytes);
          const [type, values, surplus] = element.children;
          assert.equal(element.tag, tags.sequence);
          assert.equal(type?.tag, tags.oid);
          assert.equal(values?.tag, tags.set);
          assert.ok(values.children.length <= 1);
          assert.equal(surplus, undefined);
          return hex(type.bytes);
        });
        assert.equal(new Set(types).size, types.length);
        const demand = list.children.find((element) => typeOf(element) === 'extensionRequest');
        const extensions = demand?.children[1]?.children[0]?.children ?? [];
        assert.equal(
          demand !== undefined,
          content.extensions.some((each) => 'extension' in each),
        );
        for (const { children } of extensions) {
          assert.equal(children[0]?.tag, tags.oid);
          assert.equal(children.at(-1)?.tag, tags.octetString);
        }
      }),
    );
  });

  test('the template is strict DER with the members of its syntax in their order', () => {
    fc.assert(
      fc.property(contents, (content) => {
        const { key, subject, attributes, extensions } = content;
        const silent = !key && ![subject, attributes, extensions].some(({ length }) => length > 0);
        assert.equal(split(content).template === undefined, silent);
        if (silent) return;
        const info = templateOf(content);
        assert.deepEqual(
          info.children.map(({ tag }) => tag),
          [
            tags.integer,
            ...(subject.length > 0 ? [tags.sequence] : []),
            ...(key ? [0xa0] : []),
            0xa1,
          ],
        );
        const demanded = info.children.at(-1)?.children ?? [];
        const types = demanded.map(typeOf);
        const open = extensions.some((each) => !('extension' in each));
        assert.equal(types.includes('id-aa-extensionReqTemplate'), open);
        assert.equal(types.includes('extensionRequest'), extensions.length > 0 && !open);
        assert.equal(types.length, attributes.length + (extensions.length > 0 ? 1 : 0));
      }),
    );
  });
});
