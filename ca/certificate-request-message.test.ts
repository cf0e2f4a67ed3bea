/**
 * CRMF (RFC 4211) as Bouncy Castle builds it, and put together octet by octet; PKCS#10 without a signature.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { readPkiData } from '../server/est/cmc/pki-data.ts';
import { CmcMessages } from '../test/support/cmc-messages.ts';
import {
  algorithm,
  algorithms,
  attribute,
  commonName,
  dns,
  extension,
  forgeRequest,
  keyPairs,
  nullValue,
  oidOf,
  sequence,
  spkiOf,
  text,
} from '../test/support/forged-request.ts';
import { parseCertificateRequest, parseRequestOfAnyKey } from './certificate-request.ts';
import { parseCertificateRequestMessage } from './certificate-request-message.ts';
import { readSignedData } from './cms/read-signed-data.ts';
import { encode, encodeBitString, readDer, tags } from './der.ts';

const issuer = commonName('Test CA');
const cmc = await CmcMessages.start();
after(() => cmc[Symbol.dispose]());
for (const kind of ['P-256', 'RSA-2048', 'Ed25519', 'X25519']) await cmc.key(kind, kind);

const octets = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []);

/** The request of a message that Bouncy Castle builds: KEY,SUBJECT,POP and options. */
async function build(request: string) {
  await cmc.key('signer', 'P-256');
  const message = await cmc.message('none=yes', `crmf=1,${request}`);
  const [tagged] = readPkiData(readSignedData(message).content).requests;
  return tagged?.parts ?? [];
}

describe('what Bouncy Castle builds', () => {
  for (const kind of ['P-256', 'RSA-2048', 'Ed25519'])
    test(`${kind}, signed: the same request as PKCS#10`, async () => {
      const subject = 'CN=device-1,dns:a.example,dns:b.example';
      const [name, ...names] = subject.split(',');
      const parts = await build(`${kind},${name},signature,${names.join(',')}`);
      const { request, possession } = await parseCertificateRequestMessage(parts, issuer);
      assert.equal(possession, 'by-signature');
      assert.deepEqual(request.subjectAttributes, [{ type: 'commonName', text: 'device-1' }]);
      assert.deepEqual(request.subjectAltNames, ['DNS:a.example', 'DNS:b.example']);
      const simple = Buffer.from(await cmc.ask('pkcs10', kind, 'CN=device-1'), 'base64');
      const other = await parseCertificateRequest(simple);
      assert.equal(request.publicKeyDigest, other.publicKeyDigest);
      assert.deepEqual(octets(request.signatureAlgorithm), octets(other.signatureAlgorithm));
      assert.deepEqual(
        octets(request.extensions.get('subjectKeyIdentifier')),
        octets(other.extensions.get('subjectKeyIdentifier')),
      );
    });

  for (const [kind, pop] of [
    ['RSA-2048', 'encipherment'],
    ['P-256', 'agreement'],
    ['X25519', 'agreement'],
    ['X25519', 'none'],
  ])
    test(`${kind}, ${pop}: to be proven`, async () => {
      const parts = await build(`${kind},CN=device-1,${pop}`);
      const { request, possession } = await parseCertificateRequestMessage(parts, issuer);
      assert.equal(possession, 'unproven');
      assert.equal(request.signatureAlgorithm, undefined);
    });

  test('raVerified is no proof, and is told apart', async () => {
    const parts = await build('P-256,CN=device-1,ra');
    const { possession } = await parseCertificateRequestMessage(parts, issuer);
    assert.equal(possession, 'vouched-for-by-ra');
  });

  test('an encrypted certificate as proof, which CMC forbids', async () => {
    const parts = await build('RSA-2048,CN=device-1,encrypted-certificate');
    await refuses(parts, 'malformed-request', /challengeResp/);
  });

  test('controls are the attributes of PKCS#10', async () => {
    const challenge = 'attribute:1.2.840.113549.1.9.7:linked';
    const parts = await build(`P-256,CN=device-1,signature,${challenge}`);
    const { request } = await parseCertificateRequestMessage(parts, issuer);
    assert.equal(request.challenges.challengePassword, 'linked');
  });
});

type Parts = readonly Uint8Array[];

async function refuses(
  parts: Awaited<ReturnType<typeof build>>,
  code: string,
  message: RegExp,
): Promise<void> {
  await assert.rejects(parseCertificateRequestMessage(parts, issuer), { code, message });
}

const pair = keyPairs['P-256'];
const [subject, publicKey] = [
  (name: Uint8Array) => encode(0xa5, name),
  (key: KeyObject) => encode(0xa6, ...readDer(spkiOf(key)).children.map(({ bytes }) => bytes)),
];
const template = (...fields: Parts) => sequence(...fields);
const usual = [subject(commonName('device-1')), publicKey(pair.publicKey)] as const;
const certReq = (fields: Parts, ...controls: Parts) =>
  sequence(encode(tags.integer, Uint8Array.of(1)), template(...fields), ...controls);
const signature = (octets: Uint8Array, key = pair.privateKey) =>
  encode(0xa1, algorithms['P-256'], encodeBitString(sign('sha256', octets, key)));

/** A CertReqMsg, signed unless told otherwise. */
function forge(request: Uint8Array, ...rest: Parts) {
  return readDer(sequence(request, ...(rest.length > 0 ? rest : [signature(request)]))).children;
}

describe('put together octet by octet', () => {
  test('it is accepted as it is', async () => {
    const { possession } = await parseCertificateRequestMessage(forge(certReq(usual)), issuer);
    assert.equal(possession, 'by-signature');
  });

  test('with version, issuer and validity, which say nothing new', async () => {
    const version = encode(0x80, Uint8Array.of(2));
    const validity = encode(0xa4, encode(0xa0, text(tags.utcTime, '300101000000Z')));
    const request = certReq([version, encode(0xa3, issuer), validity, ...usual]);
    await parseCertificateRequestMessage(forge(request), issuer);
  });

  const request = certReq(usual);
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const control = (type: string, value: Uint8Array) => sequence(sequence(oidOf(type), value));
  const challengePassword = '1.2.840.113549.1.9.7';
  const linked = text(tags.utf8String, 'linked');
  const refused: Record<string, [code: string, parts: ReturnType<typeof forge>, reason: RegExp]> = {
    'signed by another key': [
      'bad-signature',
      forge(request, signature(request, stranger.privateKey)),
      /proof of possession/,
    ],
    'signed over something else': [
      'bad-signature',
      forge(request, signature(certReq([...usual, encode(0xa9)]))),
      /proof of possession/,
    ],
    'with a POPOSigningKeyInput': [
      'malformed-request',
      forge(request, encode(0xa1, encode(0xa0), algorithms['P-256'], encodeBitString(request))),
      /POPOSigningKeyInput/,
    ],
    'with regInfo': [
      'malformed-request',
      forge(request, signature(request), sequence(sequence(oidOf('1.2.3.4'), nullValue))),
      /regInfo/,
    ],
    'with an unknown proof': ['malformed-request', forge(request, encode(0xa4)), /no known proof/],
    'with the private key as proof': [
      'malformed-request',
      forge(request, encode(0xa2, encode(0x80, Uint8Array.of(0, 1)))),
      /challengeResp/,
    ],
    'without a subject': [
      'malformed-request',
      forge(certReq([publicKey(pair.publicKey)])),
      /must have a subject/,
    ],
    'without a public key': [
      'malformed-request',
      forge(certReq([subject(commonName('device-1'))])),
      /must have a subject/,
    ],
    'for another version': [
      'malformed-request',
      forge(certReq([encode(0x80, Uint8Array.of(1)), ...usual])),
      /another version/,
    ],
    'with a serial number': [
      'malformed-request',
      forge(certReq([encode(0x81, Uint8Array.of(1)), ...usual])),
      /the CA alone decides/,
    ],
    'with a signature algorithm': [
      'malformed-request',
      forge(certReq([encode(0xa2, oidOf('1.2.840.10045.4.3.2')), ...usual])),
      /the CA alone decides/,
    ],
    'of another issuer': [
      'malformed-request',
      forge(certReq([encode(0xa3, commonName('Other CA')), ...usual])),
      /another issuer/,
    ],
    'with its fields in another order': [
      'malformed-request',
      forge(certReq([publicKey(pair.publicKey), subject(commonName('device-1'))])),
      /template .* is malformed/,
    ],
    'with a field twice': [
      'malformed-request',
      forge(certReq([subject(commonName('other')), ...usual])),
      /template .* is malformed/,
    ],
    'with an unknown control': [
      'malformed-request',
      forge(certReq(usual, control('1.3.6.1.5.5.7.5.1.1', linked))),
      /not supported here/,
    ],
    'with a control that is known for something else': [
      'malformed-request',
      forge(certReq(usual, control('1.3.6.1.5.5.7.3.1', linked))),
      /not supported here/,
    ],
    'with a control twice': [
      'malformed-request',
      forge(
        certReq(
          usual,
          sequence(
            sequence(oidOf(challengePassword), linked),
            sequence(oidOf(challengePassword), linked),
          ),
        ),
      ),
      /twice/,
    ],
    'with 600 controls': [
      'malformed-request',
      forge(
        certReq(
          usual,
          sequence(...Array<Uint8Array>(600).fill(sequence(oidOf(challengePassword), linked))),
        ),
      ),
      /more controls|twice/,
    ],
    'with an extension twice': [
      'malformed-request',
      forge(
        certReq([
          ...usual,
          encode(
            0xa9,
            extension('2.5.29.17', sequence(dns('a.example'))),
            extension('2.5.29.17', sequence(dns('b.example'))),
          ),
        ]),
      ),
      /twice/,
    ],
    'with a weak key': [
      'unsupported-key',
      forge(
        certReq([
          usual[0],
          publicKey(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey),
        ]),
        encode(0xa2, Uint8Array.of(0x81, 1, 1)),
      ),
      /1024 bits/,
    ],
    'of nothing': ['malformed-request', [], /malformed/],
  };
  for (const [what, [code, parts, reason]] of Object.entries(refused))
    test(what, () => refuses(parts, code, reason));
});

describe('PKCS#10 for a key that makes no signature (RFC 5272 appendix C.1)', () => {
  const noSignature = algorithm('1.3.6.1.5.5.7.6.2', nullValue);
  const x25519 = spkiOf(generateKeyPairSync('x25519').publicKey);
  const unsigned = forgeRequest({ publicKey: x25519, signatureAlgorithm: noSignature });

  test('its possession is to be proven', async () => {
    const { request, possession } = await parseRequestOfAnyKey(unsigned);
    assert.equal(possession, 'unproven');
    assert.equal(request.publicKey.kind, 'X25519');
    assert.equal(request.publicKey.canSign, false);
  });

  test('it proves nothing for /simpleenroll', async () => {
    await assert.rejects(parseCertificateRequest(unsigned), { code: 'unsupported-key' });
    await assert.rejects(
      parseCertificateRequest(forgeRequest({ signatureAlgorithm: noSignature })),
      {
        code: 'malformed-request',
      },
    );
  });

  test('any other request is held to its signature', async () => {
    const challenge = attribute('1.2.840.113549.1.9.7', text(tags.utf8String, 'x'));
    const signed = await parseRequestOfAnyKey(forgeRequest({ attributes: [challenge] }));
    assert.equal(signed.possession, 'by-signature');
    const forged = forgeRequest({
      sign: () => Buffer.from(sign('sha256', Buffer.from('x'), pair.privateKey)),
    });
    await assert.rejects(parseRequestOfAnyKey(forged), { code: 'bad-signature' });
    await assert.rejects(parseRequestOfAnyKey(forgeRequest({ publicKey: x25519 })), {
      code: 'unsupported-key',
    });
  });
});
