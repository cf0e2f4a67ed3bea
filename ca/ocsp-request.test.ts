import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  certificateId,
  nonceExtension,
  ocspRequest,
  octets,
  sequence,
} from '../test/support/ocsp-requests.ts';
import { readVector } from '../test/support/vectors.ts';
import { encode, encodeOid, readDer, tags } from './der.ts';
import { encodeExtension } from './extensions/extension.ts';
import { octetsKey, oid } from './object-identifiers.ts';
import { mostCertificates, readOcspRequest } from './ocsp-request.ts';

const issuer = { subject: sequence(), subjectPublicKey: Buffer.from('key') };
const id = certificateId(issuer, '01ab');
const hex = (bytes: Uint8Array | undefined) => bytes && octetsKey(bytes);
const foreign = encodeOid('1.2.3.4');

describe('published requests', () => {
  const publishedNonce = '637493a2216f442891842cd35ffeb740';
  const cases = {
    'rfc6960-OCSPRequest': [
      'sha1',
      'b766b315f42e43928d37687d7770465ea69837c2',
      '35def4cf',
      publishedNonce,
    ],
    'rfc9654-OCSPRequest': [
      'sha256',
      '3a994677568073a707bfde50186345e4cd6134db085ebaa1d10425f03b6f08ea',
      '01aaf00d',
      publishedNonce,
    ],
    'rfc9919-OCSPRequest': [
      'sha256',
      '3a994677568073a707bfde50186345e4cd6134db085ebaa1d10425f03b6f08ea',
      '01aaf00d',
      undefined,
    ],
  } as const;
  for (const [name, [hash, nameHash, serialNumber, nonce]] of Object.entries(cases))
    test(name, () => {
      const request = readOcspRequest(readVector(`${name}.b64`));
      const [certificate, ...more] = request.certificates;
      assert.equal(more.length, 0);
      assert.equal(certificate?.hash, hash);
      assert.equal(hex(certificate?.issuerNameHash), nameHash);
      assert.equal(certificate?.serialNumber, serialNumber);
      assert.equal(hex(request.nonce), nonce);
      const [list] = readDer(readVector(`${name}.b64`)).children[0]?.children ?? [];
      assert.deepEqual(certificate?.der, list?.children[0]?.children[0]?.bytes);
    });

  test('a nonce of 160 octets (rfc9654-BadNonce) is refused', () => {
    const nonce = encodeExtension(oid['id-pkix-ocsp-nonce'], readVector('rfc9654-BadNonce.b64'));
    assert.throws(() => readOcspRequest(ocspRequest([id], [nonce])), {
      code: 'malformed-request',
      message: /1 to 128 octets/,
    });
  });
});

test('what is of no consequence is passed over', () => {
  const [toBeSigned] = readDer(ocspRequest([id])).children;
  const list = toBeSigned?.children[0]?.bytes ?? id;
  const version = encode(0xa0, encode(tags.integer, Uint8Array.of(0)));
  const requestor = encode(0xa1, encode(0x82, Buffer.from('me')));
  const unknown = encodeExtension(foreign, octets(Buffer.from('x')));
  const written = {
    'version v1': sequence(sequence(version, list)),
    requestorName: sequence(sequence(requestor, list)),
    'a signature': sequence(sequence(list), encode(0xa0, sequence())),
    'an unknown extension': ocspRequest([id], [unknown]),
    'an extension of one certificate': sequence(
      sequence(sequence(sequence(id, encode(0xa0, sequence(unknown))))),
    ),
  };
  for (const [what, der] of Object.entries(written)) {
    const request = readOcspRequest(der);
    assert.deepEqual(
      request.certificates.map(({ der: bytes }) => bytes),
      [id],
      what,
    );
    assert.equal(request.nonce, undefined);
  }
});

test('a hash that is not known is no error, since the answer can say so', () => {
  const [, name, key, serial] = readDer(id).children;
  const other = sequence(
    sequence(foreign),
    ...[name, key, serial].map((part) => part?.bytes ?? id),
  );
  const [certificate] = readOcspRequest(ocspRequest([other])).certificates;
  assert.equal(certificate?.hash, undefined);
  assert.deepEqual(certificate?.der, other);
});

test('nonces of 1 to 128 octets are read', () => {
  for (const length of [1, 16, 32, 33, 128]) {
    const nonce = new Uint8Array(length).fill(7);
    assert.deepEqual(readOcspRequest(ocspRequest([id], [nonceExtension(nonce)])).nonce, nonce);
  }
  const critical = nonceExtension(Buffer.alloc(16), { critical: true });
  assert.equal(readOcspRequest(ocspRequest([id], [critical])).nonce?.length, 16);
});

describe('refused as malformed', () => {
  const [algorithm, name, key, serial] = readDer(id).children.map(({ bytes }) => bytes);
  const parts = [algorithm, name, key, serial].map((part) => part ?? id) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const list = sequence(sequence(id));
  const withParts = (...changed: Uint8Array[]) => ocspRequest([sequence(...changed)]);
  const unknown = (critical: boolean) => encodeExtension(foreign, octets(id), { critical });
  const cases: Record<string, [Uint8Array, RegExp]> = {
    nothing: [new Uint8Array(), /is not DER/],
    'octets after the end': [Buffer.concat([ocspRequest([id]), Buffer.alloc(1)]), /is not DER/],
    'indefinite length': [Buffer.from('30800000', 'hex'), /is not DER/],
    'an OCTET STRING': [octets(id), /no OCSPRequest/],
    'an empty SEQUENCE': [sequence(), /no OCSPRequest/],
    'no list': [sequence(sequence()), /no OCSPRequest/],
    'a SET': [encode(tags.set, sequence(list)), /no OCSPRequest/],
    'a third element': [sequence(sequence(list), encode(0xa0, sequence()), sequence()), /no OCSP/],
    'a signature of another tag': [sequence(sequence(list), sequence()), /no OCSPRequest/],
    'something after the list': [sequence(sequence(list, list)), /no OCSPRequest/],
    'version v2': [
      sequence(sequence(encode(0xa0, encode(tags.integer, Uint8Array.of(1))), list)),
      /version other than v1/,
    ],
    'no certificate': [ocspRequest([]), /about 0 certificates/],
    'too many certificates': [
      ocspRequest(Array.from({ length: mostCertificates + 1 }, () => id)),
      /about 17 certificates; 1 to 16/,
    ],
    'a CertID without a serial number': [withParts(...parts.slice(0, 3)), /CertID/],
    'a CertID with more': [withParts(...parts, parts[3]), /CertID/],
    'a name hash of another type': [withParts(parts[0], parts[3], parts[2], parts[3]), /CertID/],
    'a key hash of another type': [withParts(parts[0], parts[1], parts[3], parts[3]), /CertID/],
    'a serial number of another type': [
      withParts(parts[0], parts[1], parts[2], parts[2]),
      /CertID/,
    ],
    'hash parameters': [
      withParts(sequence(oid['id-sha1'], sequence()), ...parts.slice(1)),
      /CertID/,
    ],
    'an element after the hash parameters': [
      withParts(sequence(oid['id-sha1'], encode(tags.null), encode(tags.null)), ...parts.slice(1)),
      /CertID/,
    ],
    'a Request with more': [
      sequence(sequence(sequence(sequence(id, encode(0xa0, sequence()), id)))),
      /A Request/,
    ],
    'extensions that are no list': [
      sequence(sequence(list, encode(0xa2, octets(id)))),
      /extensions .* malformed/,
    ],
    'an extension without a value': [ocspRequest([id], [sequence(foreign)]), /An extension/],
    'an extension twice': [ocspRequest([id], [unknown(false), unknown(false)]), /stands twice/],
    'a critical extension': [ocspRequest([id], [unknown(true)]), /critical extension/],
    'a critical extension of one certificate': [
      sequence(sequence(sequence(sequence(id, encode(0xa0, sequence(unknown(true))))))),
      /critical extension/,
    ],
    'an empty nonce': [ocspRequest([id], [nonceExtension(new Uint8Array())]), /1 to 128 octets/],
    'a nonce of 129 octets': [ocspRequest([id], [nonceExtension(Buffer.alloc(129))]), /1 to 128/],
    'a nonce that is no OCTET STRING': [
      ocspRequest([id], [encodeExtension(oid['id-pkix-ocsp-nonce'], parts[3])]),
      /must be an OCTET STRING/,
    ],
    'a nonce that is not DER': [
      ocspRequest([id], [encodeExtension(oid['id-pkix-ocsp-nonce'], Buffer.alloc(16, 7))]),
      /The nonce of the OCSP request is not DER/,
    ],
  };
  for (const [what, [der, message]] of Object.entries(cases))
    test(what, () =>
      assert.throws(() => readOcspRequest(der), { code: 'malformed-request', message }),
    );
});
