import assert from 'node:assert/strict';
import type { KeyObject } from 'node:crypto';
import { suite, test } from 'node:test';
import {
  capabilitiesOf,
  makeRecipient,
  makeSharedKeyRecipient,
} from '../../test/support/envelope-recipients.ts';
import { openssl, withFile } from '../../test/support/est-client.ts';
import { readVector } from '../../test/support/vectors.ts';
import { type DerElement, readDer, sameBytes } from '../der.ts';
import { octetsKey, oid } from '../object-identifiers.ts';
import { chooseAlgorithms, type EnvelopeAlgorithms } from './envelope-algorithms.ts';
import { envelopData } from './enveloped-data.ts';
import type { Recipient } from './recipient-key.ts';

const content = Buffer.from('a private key, perhaps');
const everything = capabilitiesOf(
  'id-aes128-wrap',
  'id-aes192-wrap',
  'id-aes256-wrap',
  'id-RSAES-OAEP',
  'aes256-CBC',
);

async function envelop(recipient: Recipient, algorithms?: EnvelopeAlgorithms): Promise<Buffer> {
  const chosen = algorithms ?? chooseAlgorithms(recipient, everything);
  assert.ok(chosen);
  const message = await envelopData({
    contentType: oid['id-data'],
    content,
    recipient,
    algorithms: chosen,
  });
  return Buffer.from(message);
}

const decrypt = (message: Uint8Array, ...args: readonly string[]) =>
  openssl(['cms', '-decrypt', '-binary', '-inform', 'DER', ...args], message);

/** OpenSSL finds the recipient by trying where it has no certificate. */
const decryptWith = (message: Uint8Array, key: KeyObject) =>
  withFile(key.export({ type: 'pkcs8', format: 'pem' }), (file) =>
    decrypt(message, '-inkey', file),
  );

const printed = (message: Uint8Array) =>
  openssl(['cms', '-cmsout', '-print', '-noout', '-inform', 'DER'], message).toString();

/** EnvelopedData, and its one RecipientInfo. */
function partsOf(message: Uint8Array): { version: string; recipientInfo: DerElement } {
  const [version, recipientInfos] = readDer(message).children[1]?.children[0]?.children ?? [];
  const [recipientInfo, second] = recipientInfos?.children ?? [];
  assert.ok(version && recipientInfo && !second);
  return { version: octetsKey(version.content), recipientInfo };
}

suite('for a shared key', () => {
  for (const bits of [128, 192, 256] as const)
    test(`OpenSSL opens it with an AES key of ${bits} bits`, async () => {
      const recipient = makeSharedKeyRecipient(bits);
      const message = await envelop(recipient);
      const opened = decrypt(
        message,
        '-secretkey',
        octetsKey(recipient.key),
        '-secretkeyid',
        octetsKey(recipient.keyIdentifier),
      );
      assert.deepEqual(opened, content);
      assert.throws(() =>
        decrypt(
          message,
          '-secretkey',
          '00'.repeat(bits / 8),
          '-secretkeyid',
          octetsKey(recipient.keyIdentifier),
        ),
      );
    });

  test('is version 2, with a recipient of version 4', async () => {
    const recipient = makeSharedKeyRecipient(256);
    const message = await envelop(recipient);
    assert.match(
      printed(message),
      /d\.envelopedData:\s+version: 2\s+originatorInfo: <ABSENT>\s+recipientInfos:\s+d\.kekri:\s+version: 4/,
    );
    const kekid = partsOf(message).recipientInfo.children[1];
    assert.deepEqual(Buffer.from(kekid?.children[0]?.content ?? []), recipient.keyIdentifier);
  });
});

suite('for an RSA key', () => {
  for (const [by, version, recipientVersion] of [
    ['issuerAndSerialNumber', '00', 0],
    ['subjectKeyIdentifier', '02', 2],
  ] as const)
    test(`OpenSSL opens it; by ${by} it is version ${version}`, async () => {
      const { recipient, privateKey } = makeRecipient('RSA', by);
      const message = await envelop(recipient);
      assert.deepEqual(decryptWith(message, privateKey), content);
      assert.equal(partsOf(message).version, version);
      assert.match(
        printed(message),
        new RegExp(`d\\.ktri:\\s+version: ${recipientVersion}\\s+d\\.${by}`),
      );
    });

  test('says OAEP with SHA-256 as RFC 4055 encodes it', async () => {
    const message = await envelop(makeRecipient('RSA').recipient);
    const parameters = partsOf(message).recipientInfo.children[2]?.children[1];
    assert.equal(
      octetsKey(parameters?.bytes ?? new Uint8Array()),
      '302fa00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500',
    );
  });
});

suite('for a key on a curve', () => {
  for (const kind of ['P-256', 'P-384', 'P-521'] as const)
    for (const digest of ['sha256', 'sha384', 'sha512'] as const)
      test(`OpenSSL opens it: ${kind} with ${digest}`, async () => {
        const { recipient, privateKey } = makeRecipient(kind);
        const scheme = `dhSinglePass-stdDH-${digest}kdf-scheme` as const;
        for (const wrap of [128, 256] as const) {
          const keyManagement = { technique: 'kari', scheme, wrap } as const;
          const message = await envelop(recipient, { keyManagement, content: 256 });
          assert.deepEqual(decryptWith(message, privateKey), content);
        }
      });

  for (const by of ['issuerAndSerialNumber', 'subjectKeyIdentifier'] as const)
    test(`is version 2, with a recipient of version 3 and an originator key, by ${by}`, async () => {
      const { recipient, privateKey } = makeRecipient('P-384', by);
      const message = await envelop(recipient);
      assert.deepEqual(decryptWith(message, privateKey), content);
      const text = printed(message);
      assert.match(
        text,
        /d\.envelopedData:\s+version: 2\s+originatorInfo: <ABSENT>\s+recipientInfos:\s+d\.kari:\s+version: 3\s+d\.originatorKey/,
      );
      assert.match(text, by === 'issuerAndSerialNumber' ? /d\.issuerAndSerialNumber/ : /d\.rKeyId/);
    });

  test('has the form of the published example', async () => {
    const shape = ({ tag, children }: DerElement): string =>
      `${tag.toString(16)}(${children.map(shape).join(' ')})`;
    const published = partsOf(readVector('rfc5753-EnvelopedData.b64'));
    const ours = partsOf(await envelop(makeRecipient('P-384').recipient));
    assert.equal(ours.version, published.version);
    assert.equal(shape(ours.recipientInfo), shape(published.recipientInfo));
  });

  test('a fresh key and fresh keying material each time', async () => {
    const { recipient } = makeRecipient('P-256');
    const [first, second] = [partsOf(await envelop(recipient)), partsOf(await envelop(recipient))];
    for (const part of [1, 2]) {
      const [a, b] = [first, second].map(
        ({ recipientInfo }) => recipientInfo.children[part]?.bytes,
      );
      assert.ok(a && b && !sameBytes(a, b));
    }
  });
});

suite('the content', () => {
  for (const bits of [128, 192, 256] as const)
    test(`is encrypted with AES-${bits}-CBC where that was chosen`, async () => {
      const { recipient, privateKey } = makeRecipient('RSA');
      const message = await envelop(recipient, {
        keyManagement: { technique: 'ktri' },
        content: bits,
      });
      assert.match(
        printed(message),
        new RegExp(`contentEncryptionAlgorithm:\\s+algorithm: aes-${bits}-cbc`),
      );
      assert.deepEqual(decryptWith(message, privateKey), content);
      assert.equal(message.includes(content), false);
    });
});

suite('algorithms chosen for another recipient', () => {
  const kari = {
    technique: 'kari',
    scheme: 'dhSinglePass-stdDH-sha256kdf-scheme',
    wrap: 128,
  } as const;
  const kekri = { technique: 'kekri', wrap: 128 } as const;
  for (const [recipient, keyManagement] of [
    [makeSharedKeyRecipient(128), kari],
    [makeRecipient('P-256').recipient, kekri],
  ] as const)
    test(`${keyManagement.technique} for a ${recipient.kind}`, async () => {
      await assert.rejects(
        envelop(recipient, { keyManagement, content: 128 }),
        /need a (public|shared) key/,
      );
    });
});
