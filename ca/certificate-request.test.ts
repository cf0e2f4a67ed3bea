import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type KeyKind, makeKey } from '../test/support/est-client.ts';
import {
  attribute,
  commonName,
  dns,
  extension,
  extensionRequest,
  forgeRequest,
  keyPairs,
  nullValue,
  oidOf,
  type RequestParts,
  requestedNames,
  sequence,
  setOf,
  spkiOf,
  text,
} from '../test/support/forged-request.ts';
import { readVector } from '../test/support/vectors.ts';
import { digestOf, parseCertificateRequest } from './certificate-request.ts';
import { encode, readDer, tags } from './der.ts';

const zero = encode(tags.integer, Uint8Array.of(0));
const sanOf = (...names: Uint8Array[]) => extension('2.5.29.17', sequence(...names));

describe('requests made by OpenSSL are accepted', () => {
  const kinds: KeyKind[] = [
    'RSA-2048',
    'RSA-3072',
    'RSA-4096',
    'P-256',
    'P-384',
    'P-521',
    'Ed25519',
  ];
  for (const kind of kinds)
    test(kind, async () => {
      const request = makeKey(kind).request('/CN=device-1/serialNumber=42');
      const { subjectAttributes, subjectAltNames } = await parseCertificateRequest(request);
      assert.deepEqual(subjectAttributes, [
        { type: 'commonName', text: 'device-1' },
        { type: 'serialNumber', text: '42' },
      ]);
      assert.deepEqual(subjectAltNames, []);
    });

  for (const [kind, hash] of [
    ['RSA-2048', 'sha384'],
    ['RSA-2048', 'sha512'],
    ['P-256', 'sha384'],
    ['P-256', 'sha512'],
  ] as const)
    test(`${kind} with ${hash}`, async () => {
      await parseCertificateRequest(makeKey(kind).request('/CN=device-1', `-${hash}`));
    });

  test('subjectAltName in its four forms', async () => {
    const names = 'subjectAltName=URI:urn:dev:1,DNS:B.example,IP:2001:DB8::1,email:a@b.example';
    const request = makeKey().request('/CN=device-1', '-addext', names);
    const { subjectAltNames } = await parseCertificateRequest(request);
    assert.deepEqual(subjectAltNames, [
      'URI:urn:dev:1',
      'DNS:b.example',
      'IP:2001:db8::1',
      'email:a@b.example',
    ]);
  });
});

describe('published requests', () => {
  test('one without attributes we know is accepted', async () => {
    const request = await parseCertificateRequest(readVector('rfc9148-A3-skg-csr.hex'));
    assert.deepEqual(request.subjectAttributes, [
      { type: 'organizationName', text: 'skg example' },
    ]);
    await parseCertificateRequest(readVector('rfc2986-CertificationRequest.b64'));
  });

  test('one signed by RSA without parameters is accepted, and its signature holds', async () => {
    const vector = readVector('rfc7894-otpChallenge.b64');
    const { challenges, signatureAlgorithm } = await parseCertificateRequest(vector);
    assert.deepEqual(challenges, { otpChallenge: '90503846' });
    assert.ok(signatureAlgorithm);
    const forged = Buffer.from(vector);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    await refuses(forged, 'bad-signature', /not signed by the key/);
  });

  const refused: Record<string, RegExp> = {
    'rfc7030-A3-simpleenroll-csr.b64': /algorithm that is not accepted/,
    'rfc7030-A4-serverkeygen-csr.b64': /algorithm that is not accepted/,
    'rfc9148-A2-enroll-csr.hex': /not DNS, IP, URI or email/,
    'rfc8295-CertificationRequest.b64': /not a PKCS#10/,
    'rfc7030-A2-csrattrs-response.b64': /not a PKCS#10/,
    'rfc7030-A3-simpleenroll-response.b64': /not a PKCS#10/,
    'rfc8410-05-CERTIFICATE.pem': /not (a PKCS#10|version 1)/,
  };
  for (const [name, message] of Object.entries(refused))
    test(name, () => refuses(readVector(name), 'malformed-request', message));
});

describe('what a request may have and need not', () => {
  const accepted: Record<string, RequestParts> = {
    'no attributes at all': { attributes: null },
    'empty attributes': { attributes: [] },
    'an unknown attribute': { attributes: [attribute('1.2.3.4', nullValue)] },
    'an unknown attribute without a value': { attributes: [attribute('1.2.3.4')] },
    'an unknown attribute with two values': { attributes: [attribute('1.2.3.4', zero, nullValue)] },
    'an empty subject': { subject: sequence() },
    'an RSA key': { key: 'RSA' },
    'an Ed25519 key': { key: 'Ed25519' },
    'extensions that the profile decides on': {
      attributes: [
        extensionRequest(
          extension('2.5.29.19', sequence(encode(tags.boolean, Uint8Array.of(0xff)))),
          extension('2.5.29.15', encode(tags.bitString, Uint8Array.of(1, 6))),
          extension('2.5.29.37', sequence(oidOf('2.5.29.37.0'))),
        ),
      ],
    },
    'a critical extension': {
      attributes: [
        extensionRequest(
          extension('2.5.29.19', sequence(), encode(tags.boolean, Uint8Array.of(0xff))),
        ),
      ],
    },
  };
  for (const [what, parts] of Object.entries(accepted))
    test(what, async () => {
      const request = await parseCertificateRequest(forgeRequest(parts));
      const key = keyPairs[parts.key ?? 'P-256'].publicKey;
      // Nothing but the key and the names leaves the request.
      assert.deepEqual(request.subjectAltNames, []);
      assert.equal(request.publicKeyDigest, digestOf(spkiOf(key)));
      assert.deepEqual(Buffer.from(request.publicKey.subjectPublicKeyInfo), spkiOf(key));
    });

  test('names under the attribute of Microsoft', async () => {
    const value = sequence(sanOf(dns('a.example')));
    const attributes = [attribute('1.3.6.1.4.1.311.2.1.14', value)];
    const { subjectAltNames } = await parseCertificateRequest(forgeRequest({ attributes }));
    assert.deepEqual(subjectAltNames, ['DNS:a.example']);
  });

  test('the names of a key that is repeated in the subject are all told', async () => {
    const rdn = setOf(
      sequence(oidOf('2.5.4.3'), text(tags.utf8String, 'a')),
      sequence(oidOf('2.5.4.5'), text(tags.printableString, '1')),
    );
    const { subjectAttributes } = await parseCertificateRequest(
      forgeRequest({ subject: sequence(rdn) }),
    );
    assert.deepEqual(
      subjectAttributes.map(({ text }) => text),
      ['a', '1'],
    );
  });
});

describe('a malformed request is refused', () => {
  const good = forgeRequest();
  const refused: Record<string, [request: Uint8Array, message: RegExp]> = {
    nothing: [new Uint8Array(), /not DER/],
    'an octet after its end': [Buffer.concat([good, Uint8Array.of(0)]), /not DER: 1 bytes follow/],
    'a length that is not minimal': [withLongLength(good), /not DER: .*not minimal/],
    'an indefinite length': [indefinite(good), /not DER: indefinite/],
    'text in PEM': [Buffer.from('-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n'), /not DER/],
    'a signature with unused bits': [
      sequence(
        ...readDer(good)
          .children.slice(0, 2)
          .map(({ bytes }) => bytes),
        encode(tags.bitString, Uint8Array.of(1, 0x30, 0)),
      ),
      /whole number of octets/,
    ],
    'another structure': [sequence(sequence(), sequence(), sequence()), /not a PKCS#10/],
    'version 2': [forgeRequest({ version: encode(tags.integer, Uint8Array.of(1)) }), /version 1/],
    'a version of two octets': [
      forgeRequest({ version: encode(tags.integer, Uint8Array.of(0, 128)) }),
      /version 1/,
    ],
    'attributes under another tag': [
      forgeRequest({ attributes: null, surplus: [encode(0xa1)] }),
      /attributes of the request/,
    ],
    'something after the attributes': [forgeRequest({ surplus: [encode(0xa1)] }), /not a PKCS#10/],
    'an attribute that is no SEQUENCE': [forgeRequest({ attributes: [setOf()] }), /attribute/],
    'an attribute without values': [
      forgeRequest({ attributes: [sequence(oidOf('1.2.3'))] }),
      /attribute/,
    ],
    'an attribute with something after its values': [
      forgeRequest({ attributes: [sequence(oidOf('1.2.3'), setOf(), nullValue)] }),
      /attribute/,
    ],
    'the same unknown attribute twice': [
      forgeRequest({ attributes: [attribute('1.2.3.4'), attribute('1.2.3.4', zero)] }),
      /twice/,
    ],
    'extensionRequest twice': [
      forgeRequest({
        attributes: [requestedNames(dns('a.example')), requestedNames(dns('b.example'))],
      }),
      /extensionRequest twice/,
    ],
    'extensionRequest with two values': [
      forgeRequest({
        attributes: [
          attribute(
            '1.2.840.113549.1.9.14',
            sequence(sanOf(dns('a.example'))),
            sequence(sanOf(dns('b.example'))),
          ),
        ],
      }),
      /exactly one value/,
    ],
    'extensionRequest without a value': [
      forgeRequest({ attributes: [attribute('1.2.840.113549.1.9.14')] }),
      /exactly one value/,
    ],
    'extensionRequest without an extension': [
      forgeRequest({ attributes: [extensionRequest()] }),
      /requested extensions are malformed/,
    ],
    'extensionRequest and the attribute of Microsoft': [
      forgeRequest({
        attributes: [
          requestedNames(dns('a.example')),
          attribute('1.3.6.1.4.1.311.2.1.14', sequence(sanOf(dns('b.example')))),
        ],
      }),
      /two places/,
    ],
    'the same extension twice': [
      forgeRequest({
        attributes: [extensionRequest(sanOf(dns('a.example')), sanOf(dns('b.example')))],
      }),
      /same extension twice/,
    ],
    'an extension without a value': [
      forgeRequest({ attributes: [extensionRequest(sequence(oidOf('2.5.29.17')))] }),
      /requested extension is malformed/,
    ],
    'an extension with a number for critical': [
      forgeRequest({
        attributes: [extensionRequest(extension('2.5.29.17', sequence(dns('a')), zero))],
      }),
      /requested extension is malformed/,
    ],
    'an extension with too much in it': [
      forgeRequest({
        attributes: [
          extensionRequest(extension('2.5.29.17', sequence(dns('a')), nullValue, nullValue)),
        ],
      }),
      /requested extension is malformed/,
    ],
    'subjectAltName that is not DER': [
      forgeRequest({
        attributes: [extensionRequest(extension('2.5.29.17', Buffer.from('3080', 'hex')))],
      }),
      /not DER/,
    ],
    'subjectAltName with an octet after its end': [
      forgeRequest({
        attributes: [
          extensionRequest(
            extension('2.5.29.17', Buffer.concat([sequence(dns('a.example')), Uint8Array.of(0)])),
          ),
        ],
      }),
      /not DER/,
    ],
    'a subject that is a SET': [forgeRequest({ subject: setOf() }), /subject is not a Name/],
    'a subject with an empty RDN': [forgeRequest({ subject: sequence(setOf()) }), /relative/],
    'a subject in BMPString': [
      forgeRequest({ subject: commonName('\0a', 0x1e) }),
      /commonName is neither/,
    ],
    'a subject in TeletexString': [forgeRequest({ subject: commonName('a', 0x14) }), /commonName/],
    'a subject with a third element in an attribute': [
      forgeRequest({
        subject: sequence(setOf(sequence(oidOf('2.5.4.3'), text(tags.utf8String, 'a'), nullValue))),
      }),
      /malformed attribute/,
    ],
  };
  for (const [what, [request, message]] of Object.entries(refused))
    test(what, () => refuses(request, 'malformed-request', message));
});

async function refuses(request: Uint8Array, code: string, message: RegExp): Promise<void> {
  await assert.rejects(parseCertificateRequest(request), { name: 'Refusal', code, message });
}

/** The outer SEQUENCE with a length of three octets where two do. */
function withLongLength(request: Uint8Array): Uint8Array {
  assert.ok(request[1] === 0x81 || request[1] === 0x82);
  const octets = request[1] === 0x81 ? 1 : 2;
  const length = request.subarray(2, 2 + octets);
  return Buffer.concat([
    Uint8Array.of(0x30, 0x80 + octets + 1, 0),
    length,
    request.subarray(2 + octets),
  ]);
}

function indefinite(request: Uint8Array): Uint8Array {
  const start = request[1] === 0x81 ? 3 : 4;
  return Buffer.concat([Uint8Array.of(0x30, 0x80), request.subarray(start), Uint8Array.of(0, 0)]);
}
