import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { before, suite, test } from 'node:test';
import { type CmsSigner, certificatePem, makeCmsSigner } from '../../test/support/cms-signers.ts';
import { openssl, withFile } from '../../test/support/est-client.ts';
import {
  algorithms,
  attribute,
  commonName,
  keyPairs,
  nullValue,
  octetString,
  oidOf,
  sequence,
  spkiOf,
} from '../../test/support/forged-request.ts';
import {
  contentTypeAttribute,
  contentTypes,
  forgeSignedData,
  forgeSignerInfo,
  messageDigestAttribute,
  type SignedDataParts,
  type SignerParts,
  someContent,
} from '../../test/support/forged-signed-data.ts';
import { readVector } from '../../test/support/vectors.ts';
import { readCertificate } from '../certificate.ts';
import { encode, readDer, tags } from '../der.ts';
import { readPublicKey } from '../key-rules.ts';
import { Refusal } from '../refusal.ts';
import { identifiesCertificate } from './certificate-identifier.ts';
import { readSignedData, type SignedData, verifySigner } from './read-signed-data.ts';

const keyOf = (name: keyof typeof keyPairs) =>
  readPublicKey(readDer(spkiOf(keyPairs[name].publicKey)));

async function verifies(data: SignedData, key = keyOf('P-256')): Promise<boolean> {
  const [info] = data.signerInfos;
  assert.ok(info);
  return verifySigner(data, info, key);
}

function refused(message: Uint8Array, reason?: RegExp) {
  assert.throws(
    () => readSignedData(message),
    (error) =>
      error instanceof Refusal &&
      error.code === 'malformed-request' &&
      (reason?.test(error.message) ?? true),
  );
}

suite('SignedData by OpenSSL', () => {
  const signers = new Map<string, CmsSigner>();

  before(async () => {
    for (const name of [
      'ecdsa-with-SHA256',
      'ecdsa-with-SHA384',
      'sha256WithRSAEncryption',
    ] as const)
      signers.set(name, await makeCmsSigner(name));
  });

  function signer(name: string): CmsSigner {
    const found = signers.get(name);
    assert.ok(found);
    return found;
  }

  function signByOpenssl(
    { privateKey, certificate }: CmsSigner,
    ...args: readonly string[]
  ): Buffer {
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
    return withFile(`${certificatePem(certificate)}${key}`, (file) =>
      openssl(
        ['cms', '-sign', '-binary', '-nodetach', '-outform', 'DER', '-signer', file, ...args],
        someContent,
      ),
    );
  }

  for (const [what, name, ...args] of [
    ['ECDSA on P-256', 'ecdsa-with-SHA256'],
    ['ECDSA on P-384 with SHA-512', 'ecdsa-with-SHA384', '-md', 'sha512'],
    ['RSA', 'sha256WithRSAEncryption', '-md', 'sha384'],
    [
      'RSASSA-PSS with its longest salt',
      'sha256WithRSAEncryption',
      '-keyopt',
      'rsa_padding_mode:pss',
    ],
    [
      'RSASSA-PSS with a salt of 20 octets',
      'sha256WithRSAEncryption',
      '-keyopt',
      'rsa_padding_mode:pss',
      '-keyopt',
      'rsa_pss_saltlen:20',
    ],
    ['indefinite lengths', 'ecdsa-with-SHA256', '-stream'],
    ['a key identifier', 'ecdsa-with-SHA256', '-keyid'],
    ['another content type', 'ecdsa-with-SHA256', '-econtent_type', '1.3.6.1.5.5.7.12.2'],
    ['no attributes over id-data', 'ecdsa-with-SHA256', '-noattr'],
  ] as const)
    test(`verifies: ${what}`, async () => {
      const { verificationKey, certificate } = signer(name);
      const data = readSignedData(signByOpenssl(signer(name), ...args));
      assert.deepEqual(Buffer.from(data.content), someContent);
      assert.deepEqual(data.certificates.map(Buffer.from), [Buffer.from(certificate)]);
      assert.equal(await verifies(data, verificationKey), true);
      const [info] = data.signerInfos;
      assert.ok(info && identifiesCertificate(info.identifier, readCertificate(certificate)));
    });

  test('with -stream it is BER, which makes this a test of BER', () => {
    const message = signByOpenssl(signer('ecdsa-with-SHA256'), '-stream');
    assert.equal(message[1], 0x80);
    assert.throws(() => readDer(message), /indefinite/);
  });

  test('names no other certificate', () => {
    for (const args of [[], ['-keyid']]) {
      const [info] = readSignedData(
        signByOpenssl(signer('ecdsa-with-SHA256'), ...args),
      ).signerInfos;
      const other = readCertificate(signer('ecdsa-with-SHA384').certificate);
      assert.equal(info && identifiesCertificate(info.identifier, other), false);
    }
  });

  test('any changed octet is refused, or leaves what was signed as it was', async () => {
    const { verificationKey } = signer('ecdsa-with-SHA256');
    const message = signByOpenssl(signer('ecdsa-with-SHA256'), '-stream');
    for (let at = 0; at < message.length; at++) {
      const changed = Buffer.from(message);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      let data: SignedData;
      try {
        data = readSignedData(changed);
      } catch (error) {
        assert.ok(error instanceof Refusal, `octet ${at}: ${error}`);
        continue;
      }
      const [info] = data.signerInfos;
      if (info && (await verifySigner(data, info, verificationKey)))
        assert.deepEqual(Buffer.from(data.content), someContent);
    }
  });

  test('cut off anywhere, it is refused', () => {
    const message = signByOpenssl(signer('ecdsa-with-SHA256'), '-stream');
    for (let length = 0; length < message.length; length++) refused(message.subarray(0, length));
  });
});

suite('published examples', () => {
  test('a Full PKI Request over PKIData is read; it is signed over SHA-1, which does not verify', async () => {
    const data = readSignedData(readVector('rfc6402-PKIData.b64'));
    assert.deepEqual(Buffer.from(data.contentType), Buffer.from(oidOf(contentTypes.pkiData)));
    assert.equal(data.content.length, 752);
    assert.equal(data.signerInfos[0]?.identifier.kind, 'subjectKeyIdentifier');
    assert.equal(data.signerInfos[0]?.scheme, undefined);
    assert.equal(await verifies(data, keyOf('RSA')), false);
  });

  test('a signed message without attributes is read; it is signed with DSA, which does not verify', async () => {
    const data = readSignedData(readVector('rfc5751-SignedMessage.b64'));
    assert.equal(Buffer.from(data.content).toString(), 'This is some sample content.');
    assert.equal(data.certificates.length, 1);
    assert.equal(data.signerInfos[0]?.identifier.kind, 'issuerAndSerialNumber');
    assert.equal(await verifies(data), false);
  });

  test('an EnvelopedData is no SignedData', () => {
    refused(readVector('rfc5753-EnvelopedData.b64'), /not a CMS SignedData/);
  });
});

suite('what is signed', () => {
  const messageOf = (signer: SignerParts, parts: SignedDataParts = {}) =>
    forgeSignedData({ signerInfos: [forgeSignerInfo(signer)], ...parts });
  const result = (
    signer: SignerParts,
    key: keyof typeof keyPairs = 'P-256',
    parts?: SignedDataParts,
  ) => verifies(readSignedData(messageOf(signer, parts)), keyOf(key));

  test('verifies as it should', async () => assert.equal(await result({}), true));

  test('not with another key', async () => {
    assert.equal(await result({}, 'P-384'), false);
    assert.equal(await result({}, 'RSA'), false);
  });

  test('not when the content is another', async () => {
    assert.equal(await result({}, 'P-256', { content: Buffer.from('something else') }), false);
  });

  test('not when the content type is another', async () => {
    assert.equal(await result({}, 'P-256', { contentType: '1.3.6.1.5.5.7.12.3' }), false);
  });

  test('not when the octets under [0] were signed, instead of those of the SET OF', async () => {
    const underTag = (octets: Uint8Array) => {
      const tagged = Buffer.from(octets);
      tagged[0] = 0xa0;
      return sign('sha256', tagged, keyPairs['P-256'].privateKey);
    };
    assert.equal(await result({ sign: underTag }), false);
  });

  test('over id-data without attributes, the content itself', async () => {
    const parts = { contentType: contentTypes.data };
    assert.equal(await result({ attributes: null }, 'P-256', parts), true);
    assert.equal(
      await result({ attributes: null, content: Buffer.from('other') }, 'P-256', parts),
      false,
    );
  });

  test('over any other type without attributes it is refused', () => {
    refused(messageOf({ attributes: null }), /must have signed attributes/);
  });

  const otherAttribute = attribute(
    '1.2.840.113549.1.9.5',
    encode(tags.utcTime, Buffer.from('270101000000Z')),
  );

  for (const [what, attributes, reason] of [
    ['without contentType', [messageDigestAttribute()], /contentType and messageDigest/],
    ['without messageDigest', [contentTypeAttribute()], /contentType and messageDigest/],
    ['with an empty set', [], /contentType and messageDigest/],
    [
      'with contentType twice',
      [contentTypeAttribute(), contentTypeAttribute(contentTypes.data), messageDigestAttribute()],
      /twice/,
    ],
    [
      'with two values of contentType',
      [
        attribute('1.2.840.113549.1.9.3', oidOf(contentTypes.data), oidOf(contentTypes.pkiData)),
        messageDigestAttribute(),
      ],
      /contentType and messageDigest/,
    ],
    [
      'with a messageDigest that is no OCTET STRING',
      [attribute('1.2.840.113549.1.9.4', nullValue), contentTypeAttribute()],
      /contentType and messageDigest/,
    ],
    ['in another order', [messageDigestAttribute(), contentTypeAttribute()], /order of DER/],
    [
      'in BER',
      [
        contentTypeAttribute(),
        messageDigestAttribute(),
        Buffer.from('30800609' + '2a864886f70d010905' + '31000000', 'hex'),
      ],
      /not DER/,
    ],
    [
      'with one that is no attribute',
      [contentTypeAttribute(), octetString(otherAttribute)],
      /attribute is malformed/,
    ],
  ] as const)
    test(`attributes ${what} are refused`, () => refused(messageOf({ attributes }), reason));

  test('other attributes are allowed', async () => {
    const attributes = [contentTypeAttribute(), otherAttribute, messageDigestAttribute()];
    assert.equal(await result({ attributes }), true);
  });
});

suite('what is malformed', () => {
  const issuerAndSerial = sequence(commonName('CA'), encode(tags.integer, Uint8Array.of(5)));
  const info = forgeSignerInfo();

  test('not what these tests start from', () => {
    readSignedData(forgeSignedData());
    readSignedData(
      forgeSignedData({ signerInfos: [forgeSignerInfo({ version: 1, sid: issuerAndSerial })] }),
    );
  });

  for (const [what, message, reason] of [
    [
      'another content type',
      forgeSignedData({ outerType: contentTypes.data }),
      /not a CMS SignedData/,
    ],
    ['a SEQUENCE of nothing', sequence(), /not a CMS SignedData/],
    ['an unknown version', forgeSignedData({ version: 2 }), /SignedData is malformed/],
    ['detached content', forgeSignedData({ encapsulated: null }), /detached/],
    [
      'content that is no OCTET STRING',
      forgeSignedData({ encapsulated: sequence() }),
      /OCTET STRING was expected/,
    ],
    [
      'nine signers',
      forgeSignedData({ signerInfos: Array<Uint8Array>(9).fill(info) }),
      /more than 8 signers/,
    ],
    [
      'version 3 with an issuer and serial number',
      forgeSignedData({ signerInfos: [forgeSignerInfo({ sid: issuerAndSerial })] }),
      /does not fit its identifier/,
    ],
    [
      'version 1 with a key identifier',
      forgeSignedData({ signerInfos: [forgeSignerInfo({ version: 1 })] }),
      /does not fit its identifier/,
    ],
    [
      'a signer with no known name',
      forgeSignedData({ signerInfos: [forgeSignerInfo({ sid: sequence(nullValue) })] }),
      /no known way/,
    ],
    [
      'a name of three parts',
      forgeSignedData({
        signerInfos: [
          forgeSignerInfo({
            version: 1,
            sid: sequence(commonName('CA'), encode(tags.integer, Uint8Array.of(5)), nullValue),
          }),
        ],
      }),
      /no known way/,
    ],
    [
      'an element too many in a signer',
      forgeSignedData({ signerInfos: [forgeSignerInfo({ surplus: [encode(0xa1), nullValue] })] }),
      /SignerInfo is malformed/,
    ],
    [
      'something else after the signature',
      forgeSignedData({ signerInfos: [forgeSignerInfo({ surplus: [nullValue] })] }),
      /SignerInfo is malformed/,
    ],
    [
      'a signer that is none',
      forgeSignedData({ signerInfos: [algorithms['P-256']] }),
      /SignerInfo is malformed/,
    ],
    [
      'a certificate that is not DER',
      forgeSignedData({ certificates: [Buffer.from('30800000', 'hex')] }),
      /not DER/,
    ],
  ] as const)
    test(what, () => refused(message, reason));

  test('unsigned attributes are passed over', async () => {
    const signerInfos = [
      forgeSignerInfo({ surplus: [encode(0xa1, attribute('1.2.3', nullValue))] }),
    ];
    assert.equal(await verifies(readSignedData(forgeSignedData({ signerInfos }))), true);
  });

  test('other kinds of certificate are passed over', () => {
    assert.equal(
      readSignedData(forgeSignedData({ certificates: [encode(0xa1, nullValue)] })).certificates
        .length,
      0,
    );
  });
});
