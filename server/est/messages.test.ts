import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type DerElement, encode, readDer } from '../../ca/der.ts';
import { openssl } from '../../test/support/est-client.ts';
import { readVector } from '../../test/support/vectors.ts';
import { certsOnly, decodeBody, encodeBody } from './messages.ts';

const octets = Buffer.from(Array.from({ length: 300 }, (_, i) => i % 256));
const text = octets.toString('base64');
const wrapped = (width: number, end: string) =>
  (text.match(new RegExp(`.{1,${width}}`, 'g')) ?? []).join(end);

describe('a base64 body is read', () => {
  for (const [form, body] of Object.entries({
    'on one line': text,
    'with a final newline': `${text}\n`,
    'wrapped at 64 with LF': wrapped(64, '\n'),
    'wrapped at 76 with CRLF': `${wrapped(76, '\r\n')}\r\n`,
    'wrapped at 1': wrapped(1, '\n'),
    'with tabs and blanks': wrapped(57, ' \t\r\n '),
  }))
    test(form, () => assert.deepEqual(decodeBody(Buffer.from(body)), octets));
});

describe('a body is refused', () => {
  for (const [what, [body, reason]] of Object.entries({
    'that is empty': ['', /empty/],
    'of white space': [' \r\n', /empty/],
    'in PEM': [
      `-----BEGIN CERTIFICATE REQUEST-----\n${text}\n-----END CERTIFICATE REQUEST-----`,
      /PEM/,
    ],
    'in base64url': ['-_-_', /not base64/],
    'in DER': [octets.toString('latin1'), /not base64/],
    'without its padding': ['QQ', /not base64/],
    'with too much padding': ['QUE==', /not base64/],
    'with bits left over': ['QR==', /not canonical/],
    'with padding inside': ['QQ==QQ==', /not base64/],
  } as const))
    test(what, () =>
      assert.throws(() => decodeBody(Buffer.from(body, 'latin1')), {
        code: 'not-base64',
        message: reason,
      }),
    );
});

describe('a body is written', () => {
  const short = Buffer.alloc(765);
  const long = Buffer.alloc(769);
  const curl = { 'user-agent': 'curl/8', accept: '*/*' };

  test('on one line up to 1023 characters', () => {
    assert.equal(encodeBody(short, curl).toString(), `${short.toString('base64')}\n`);
  });
  test('wrapped at 64 above, with a final newline', () => {
    const lines = encodeBody(long, curl).toString().split('\n');
    assert.equal(lines.pop(), '');
    assert.equal(lines.join(''), long.toString('base64'));
    assert.ok(lines.every((line, i) => line.length === 64 || i === lines.length - 1));
  });
  test('on one line for a client that shows itself as strongSwan', () => {
    assert.equal(encodeBody(long, {}).toString(), `${long.toString('base64')}\n`);
    for (const header of ['user-agent', 'accept', 'connection'])
      assert.ok(encodeBody(long, { [header]: 'x' }).includes('\nA'), header);
  });
});

test('a certs-only message is strict DER that OpenSSL reads, with the SET in order', () => {
  const [one, two] = ['one', 'two'].map((name) => certificate(name)) as [Buffer, Buffer];
  const message = certsOnly([one, two]);
  assert.deepEqual(message, certsOnly([two, one]));
  readDer(message);
  const printed = openssl(
    ['pkcs7', '-inform', 'DER', '-print_certs', '-noout'],
    message,
  ).toString();
  assert.match(printed, /CN = one/);
  assert.match(printed, /CN = two/);
});

function certificate(name: string): Buffer {
  const pem = openssl([
    'req',
    '-x509',
    '-newkey',
    'ed25519',
    '-nodes',
    '-keyout',
    '/dev/null',
    '-subj',
    `/CN=${name}`,
  ]);
  return openssl(['x509', '-outform', 'DER'], pem);
}

describe('a certs-only message is the published one', () => {
  const published = [
    'rfc7030-A1-cacerts-response.b64',
    'rfc7030-A3-simpleenroll-response.b64',
    'rfc7030-A4-serverkeygen-cert.b64',
    'rfc9148-A1-cacerts.hex',
    'rfc9148-A2-enroll-response.hex',
    'rfc9148-A3-skg-cert.hex',
  ];
  /**
   * All of them have an empty `crls` that RFC 5652 section 5.1 has no use for, and RFC 7030 appendix A.1 has its
   * certificates in an order that is not that of DER.
   */
  const inDer = ({ tag, content, children }: DerElement): Uint8Array => {
    if (!(tag & 0x20)) return encode(tag, content);
    const parts = children
      .filter((child) => child.tag !== 0xa1 || child.content.length > 0)
      .map(inDer);
    return encode(tag, ...(tag === 0xa0 ? parts.sort(Buffer.compare) : parts));
  };

  for (const name of published)
    test(name, () => {
      const message = readDer(readVector(name));
      const [, , , certificates] = message.children[1]?.children[0]?.children ?? [];
      const der = certificates?.children.map(({ bytes }) => bytes) ?? [];
      assert.ok(der.length > 0);
      assert.deepEqual(Buffer.from(certsOnly(der)), Buffer.from(inDer(message)));
    });
});
