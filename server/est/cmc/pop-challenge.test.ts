import assert from 'node:assert/strict';
import {
  constants,
  createDecipheriv,
  createHmac,
  generateKeyPairSync,
  hash,
  privateDecrypt,
} from 'node:crypto';
import { describe, test } from 'node:test';
import { encode, readDer, tags } from '../../../ca/der.ts';
import {
  algorithm,
  commonName,
  extension,
  extensionRequest,
  forgeRequest,
  nullValue,
  oidOf,
  sequence,
  spkiOf,
} from '../../../test/support/forged-request.ts';
import { encodeInteger } from './body-part.ts';
import { readTaggedRequest } from './pki-data.ts';
import { PopChallenges } from './pop-challenge.ts';
import { type CmcRequest, readRequests } from './read-requests.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pepper = Buffer.alloc(32, 1);
const challenges = new PopChallenges(pepper);
const hmacWithSha256 = readDer(sequence(oidOf('1.2.840.113549.2.9')));
const begin = new Date('2030-01-01T00:00:00Z');
const after = (seconds: number) => new Date(begin.getTime() + seconds * 1000);

async function request(id = 1, ...attributes: Uint8Array[]): Promise<CmcRequest> {
  const signatureAlgorithm = algorithm('1.3.6.1.5.5.7.6.2', nullValue);
  const der = forgeRequest({
    publicKey: spkiOf(rsa.publicKey),
    subject: commonName('device-1'),
    signatureAlgorithm,
    attributes,
  });
  const tagged = readTaggedRequest(readDer(encode(0xa0, encodeInteger(id), der)));
  const [read] = await readRequests([tagged], commonName('Test CA'));
  assert.ok(read);
  return read;
}

/** What a client does with an EncryptedPOP: the value inside, and the RecipientIdentifier. */
function open(challenge: Uint8Array) {
  const [, contentInfo, popAlgorithm, , witness] = readDer(challenge).children;
  const [, recipients, encrypted] = contentInfo?.children[1]?.children[0]?.children ?? [];
  const [, identifier, , encryptedKey] = recipients?.children[0]?.children ?? [];
  const [, contentAlgorithm, content] = encrypted?.children ?? [];
  const key = privateDecrypt(
    { key: rsa.privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
    encryptedKey?.content ?? new Uint8Array(),
  );
  const iv = contentAlgorithm?.children[1]?.content ?? new Uint8Array();
  const cipher = createDecipheriv('aes-256-cbc', key, iv);
  const value = Buffer.concat([
    cipher.update(content?.content ?? new Uint8Array()),
    cipher.final(),
  ]);
  assert.deepEqual(Buffer.from(witness?.content ?? []), hash('sha256', value, 'buffer'));
  assert.deepEqual(Buffer.from(popAlgorithm?.bytes ?? []), Buffer.from(hmacWithSha256.bytes));
  return { value, identifier: Buffer.from(identifier?.bytes ?? []) };
}

const answer = (value: Uint8Array, { tagged }: CmcRequest) => ({
  request: tagged.bodyPartId,
  algorithm: hmacWithSha256,
  proof: createHmac('sha256', value).update(tagged.bytes).digest(),
});

describe('a challenge', () => {
  test('is answered in its window of five minutes and in the next', async () => {
    const asked = await request();
    const { value } = open(await challenges.make(asked, 'me', after(10)));
    assert.equal(value.length, 32);
    for (const [seconds, holds] of [
      [-1, false],
      [10, true],
      [299, true],
      [300, true],
      [599, true],
      [600, false],
      [100_000, false],
    ] as const)
      assert.equal(
        challenges.isAnswer(answer(value, asked), asked, 'me', after(seconds)),
        holds,
        `after ${seconds} s`,
      );
  });

  test('is for one request, one who asks, and one server', async () => {
    const asked = await request();
    const { value } = open(await challenges.make(asked, 'me', begin));
    const other = await request(2);
    assert.ok(!challenges.isAnswer(answer(value, asked), asked, 'you', begin));
    assert.ok(!challenges.isAnswer(answer(value, other), other, 'me', begin));
    assert.ok(!challenges.isAnswer(answer(value, asked), other, 'me', begin));
    const elsewhere = new PopChallenges(Buffer.alloc(32, 2));
    assert.ok(!elsewhere.isAnswer(answer(value, asked), asked, 'me', begin));
    assert.ok(challenges.isAnswer(answer(value, asked), asked, 'me', begin));
  });

  test('takes no other algorithm and no shorter proof', async () => {
    const asked = await request();
    const { value } = open(await challenges.make(asked, 'me', begin));
    const good = answer(value, asked);
    const sha512 = readDer(sequence(oidOf('1.2.840.113549.2.11')));
    const proof = createHmac('sha512', value).update(asked.tagged.bytes).digest();
    assert.ok(!challenges.isAnswer({ ...good, algorithm: sha512, proof }, asked, 'me', begin));
    assert.ok(!challenges.isAnswer({ ...good, algorithm: sha512 }, asked, 'me', begin));
    for (const length of [0, 1, 31])
      assert.ok(
        !challenges.isAnswer(
          { ...good, proof: good.proof.subarray(0, length) },
          asked,
          'me',
          begin,
        ),
      );
    const withNull = readDer(sequence(oidOf('1.2.840.113549.2.9'), nullValue));
    assert.ok(challenges.isAnswer({ ...good, algorithm: withNull }, asked, 'me', begin));
  });

  test('names its recipient by the number of the request, or by its key identifier', async () => {
    const plain = open(await challenges.make(await request(0x80), 'me', begin));
    const noName = sequence();
    const number = encode(tags.integer, Uint8Array.of(0, 0x80));
    assert.deepEqual(plain.identifier, Buffer.from(sequence(noName, number)));
    const identifier = encode(tags.octetString, Buffer.from('key 1'));
    const named = await request(1, extensionRequest(extension('2.5.29.14', identifier)));
    const { identifier: by } = open(await challenges.make(named, 'me', begin));
    assert.deepEqual(by, Buffer.from(encode(0x80, Buffer.from('key 1'))));
  });
});
