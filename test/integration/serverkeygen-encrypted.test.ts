/**
 * /serverkeygen with keys that only their device can open (RFC 7030 sections 4.4.1.1, 4.4.1.2 and 4.4.2), by OpenSSL and by
 * Bouncy Castle.
 */

import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { encode, readDer, tags } from '../../ca/der.ts';
import { BestowServer } from '../support/bestow.ts';
import { BouncyCastleCms } from '../support/bouncy-castle-cms.ts';
import { addDeviceKey } from '../support/device-keys.ts';
import { type EstAnswer, openssl, post, withFile } from '../support/est-client.ts';
import {
  algorithm,
  attribute,
  forgeRequest,
  octetString,
  sequence,
} from '../support/forged-request.ts';
import { assertKeyOf, takeApart } from '../support/server-key-generation.ts';

const timeout = 60_000;
const server = await BestowServer.init();
after(() => server[Symbol.asyncDispose]());

const kek = Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'hex');
const pairs = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  p256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  p384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  x25519: generateKeyPairSync('x25519'),
} as const;
const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const publicPem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString();

const ids = {
  kek: '6b656b',
  rsa: '01',
  p256: '02',
  p384: '03',
  x25519: '04',
  certified: '05',
  inHex: 'bb',
};

function certify(key: KeyObject, ...args: readonly string[]): string {
  return withFile(pem(key), (file) =>
    openssl(['req', '-x509', '-new', '-key', file, '-subj', '/CN=decryption', ...args]),
  ).toString();
}
const certificate = certify(pairs.rsa.privateKey, '-addext', 'keyUsage=keyEncipherment');

const aes = (arc: number) => algorithm(`2.16.840.1.101.3.4.1.${arc}`);
const capabilities = (...each: readonly Uint8Array[]) =>
  attribute('1.2.840.113549.1.9.15', sequence(...each));
const everything = capabilities(
  aes(42),
  aes(2),
  aes(45),
  aes(5),
  algorithm('1.2.840.113549.1.1.7'),
);
const tripleDesAlone = capabilities(algorithm('1.2.840.113549.1.9.16.3.6', encode(tags.null)));
const secretKey = (id: string) =>
  attribute('1.2.840.113549.1.9.16.2.37', octetString(Buffer.from(id, 'hex')));
const publicKey = (id: string) =>
  attribute('1.2.840.113549.1.9.16.2.54', octetString(Buffer.from(id, 'hex')));

const requestWith = (...attributes: readonly Uint8Array[]) =>
  forgeRequest({ subject: sequence(), attributes: attributes.toSorted(Buffer.compare) });

/** Every test has the device `d`, and a password of its own. */
async function ask(...attributes: readonly Uint8Array[]): Promise<EstAnswer> {
  const { d: password } = await server.passwords(['d']);
  return askWith(password, ...attributes);
}

const askWith = (password: string, ...attributes: readonly Uint8Array[]) =>
  post(`${server.est}/serverkeygen`, server.root, requestWith(...attributes), {
    user: 'd',
    password,
  });

async function cli(...args: string[]): Promise<void> {
  const { exitCode, stderr } = await server.cli(...args);
  assert.equal(exitCode, 0, stderr);
}

const addKey = (id: string, option: string, content: string | Uint8Array) =>
  addDeviceKey(server, 'd', id, option, content);

before(async () => {
  await server.start();
  await cli('group', 'set', 'default', '--server-keys', 'platform');
  await cli('device', 'add', 'd');
  const added = [
    await addKey(ids.kek, '--kek-file', kek),
    await addKey(ids.inHex, '--kek-file', `${kek.toString('hex')}\n`),
    await addKey(ids.certified, '--certificate', certificate),
    await addKey(ids.rsa, '--public-key', publicPem(pairs.rsa.publicKey)),
    await addKey(ids.p256, '--public-key', publicPem(pairs.p256.publicKey)),
    await addKey(ids.p384, '--public-key', publicPem(pairs.p384.publicKey)),
    await addKey(ids.x25519, '--public-key', publicPem(pairs.x25519.publicKey)),
  ];
  assert.deepEqual(
    added.map(({ exitCode, stderr }) => [exitCode, stderr]),
    added.map(() => [0, '']),
  );
});

/** The EnvelopedData, which is all that is to be seen of the key. */
function envelopeIn(answer: EstAnswer): { envelope: Buffer; certificate: string; printed: string } {
  const { keyPart, certificate: issued } = takeApart(answer);
  assert.equal(
    keyPart.headers['content-type'],
    'application/pkcs7-mime; smime-type=server-generated-key',
  );
  const envelope = keyPart.der;
  readDer(envelope);
  const printed = openssl(
    ['cms', '-cmsout', '-print', '-noout', '-inform', 'DER'],
    envelope,
  ).toString();
  assert.match(printed, /encryptedContentInfo:\s+contentType: pkcs7-signedData/);
  return { envelope, certificate: issued, printed };
}

/** What stands in an envelope is a SignedData; OpenSSL verifies it in a ContentInfo. */
const inContentInfo = (signedData: Uint8Array) =>
  sequence(encode(tags.oid, Buffer.from('2a864886f70d010702', 'hex')), encode(0xa0, signedData));

/** The private key in the package, after its signature was verified up to the root. */
function keyInside(signedData: Uint8Array): Uint8Array {
  const content = openssl(
    ['cms', '-verify', '-inform', 'DER', '-binary', '-CAfile', server.rootFile, '-purpose', 'any'],
    inContentInfo(signedData),
  );
  const [key, second] = readDer(content).children;
  assert.ok(key && !second);
  return key.bytes;
}

const decrypt = (envelope: Uint8Array, ...args: readonly string[]) =>
  openssl(['cms', '-decrypt', '-binary', '-inform', 'DER', ...args], envelope);
const decryptWith = (envelope: Uint8Array, key: KeyObject) =>
  withFile(pem(key), (file) => decrypt(envelope, '-inkey', file));

suite('OpenSSL opens it', { timeout }, () => {
  test('with a secret key (SKG-14, SKG-18 to SKG-20, SKG-24)', async () => {
    const {
      envelope,
      certificate: issued,
      printed,
    } = envelopeIn(await ask(secretKey(ids.kek), everything));
    assert.match(
      printed,
      /version: 2\s+originatorInfo: <ABSENT>\s+recipientInfos:\s+d\.kekri:\s+version: 4/,
    );
    assert.match(printed, /keyIdentifier:\s+0000 - 6b 65 6b/);
    assert.match(printed, /keyEncryptionAlgorithm:\s+algorithm: id-aes256-wrap/);
    assert.match(printed, /contentEncryptionAlgorithm:\s+algorithm: aes-256-cbc/);
    const opened = decrypt(envelope, '-secretkey', kek.toString('hex'), '-secretkeyid', ids.kek);
    assertKeyOf(keyInside(opened), issued);
  });

  test('with an RSA key known by its identifier (SKG-15, SKG-21)', async () => {
    const {
      envelope,
      certificate: issued,
      printed,
    } = envelopeIn(await ask(publicKey(ids.rsa), everything));
    assert.match(
      printed,
      /version: 2\s+originatorInfo: <ABSENT>\s+recipientInfos:\s+d\.ktri:\s+version: 2\s+d\.subjectKeyIdentifier:\s+0000 - 01\s/,
    );
    assert.match(printed, /algorithm: rsaesOaep/);
    assertKeyOf(keyInside(decryptWith(envelope, pairs.rsa.privateKey)), issued);
  });

  test('with an RSA key known by its certificate (SKG-16, SKG-21)', async () => {
    const {
      envelope,
      certificate: issued,
      printed,
    } = envelopeIn(await ask(publicKey(ids.certified), everything));
    assert.match(
      printed,
      /version: 0\s+originatorInfo: <ABSENT>\s+recipientInfos:\s+d\.ktri:\s+version: 0\s+d\.issuerAndSerialNumber/,
    );
    const opened = withFile(`${certificate}${pem(pairs.rsa.privateKey)}`, (file) =>
      decrypt(envelope, '-recip', file),
    );
    assertKeyOf(keyInside(opened), issued);
  });

  test('with a key on a curve (SKG-22, SKG-23)', async () => {
    for (const [id, pair, scheme] of [
      [ids.p256, pairs.p256, 'sha256'],
      [ids.p384, pairs.p384, 'sha384'],
    ] as const) {
      const {
        envelope,
        certificate: issued,
        printed,
      } = envelopeIn(await ask(publicKey(id), everything));
      assert.match(
        printed,
        /version: 2\s+originatorInfo: <ABSENT>\s+recipientInfos:\s+d\.kari:\s+version: 3\s+d\.originatorKey/,
      );
      assert.match(printed, new RegExp(`dhSinglePass-stdDH-${scheme}kdf-scheme`));
      assert.match(printed, new RegExp(`d\\.rKeyId:\\s+subjectKeyIdentifier:\\s+0000 - ${id}\\s`));
      assert.match(printed, /contentEncryptionAlgorithm:\s+algorithm: aes-256-cbc/);
      assertKeyOf(keyInside(decryptWith(envelope, pair.privateKey)), issued);
    }
  });
});

test('Bouncy Castle opens and verifies it, with X25519 too', { timeout }, async () => {
  using client = await BouncyCastleCms.compile();
  const keys = { p256: 'p256.pem', x25519: 'key.x25519.pem' } as const;
  for (const name of ['p256', 'x25519'] as const) {
    const { keyPart, certificate: issued } = takeApart(await ask(publicKey(ids[name]), everything));
    const [opened, , verified] = await client.run(
      [
        'open',
        client.write('in', keyPart.der),
        client.write(keys[name], pem(pairs[name].privateKey)),
        client.file('opened'),
      ],
      ['wrap', client.file('opened'), client.file('signed')],
      ['verify', client.file('signed'), client.file('package')],
    );
    assert.equal(opened, '1.2.840.113549.1.7.3 1.2.840.113549.1.7.2');
    assert.equal(verified, '2.16.840.1.101.2.1.2.78.5');
    const [key] = readDer(client.read('package')).children;
    assertKeyOf(key?.bytes ?? new Uint8Array(), issued);
  }
});

test('a secret key may be registered in hexadecimal', { timeout }, async () => {
  const { envelope } = envelopeIn(await ask(secretKey(ids.inHex), everything));
  keyInside(decrypt(envelope, '-secretkey', kek.toString('hex'), '-secretkeyid', ids.inHex));
});

suite('refused before anything is made or spent', { timeout }, () => {
  const cases: [what: string, attributes: Uint8Array[], reason: RegExp][] = [
    ['an unknown secret key (SKG-14)', [secretKey('ff'), everything], /No key ff is registered/],
    ['an unknown public key (SKG-15)', [publicKey('ff'), everything], /No key ff is registered/],
    [
      'a public key named as secret key',
      [secretKey(ids.rsa), everything],
      /No key 01 is registered/,
    ],
    [
      'a secret key named as public key',
      [publicKey(ids.kek), everything],
      /No key 6b656b is registered/,
    ],
    ['both (SKG-29)', [secretKey(ids.kek), publicKey(ids.rsa), everything], /name one/],
    ['no capabilities (SKG-17)', [secretKey(ids.kek)], /must have smimeCapabilities/],
    [
      'only triple DES (SKG-17)',
      [secretKey(ids.kek), tripleDesAlone],
      /no algorithm for this secret key/,
    ],
    ['nothing for RSA', [publicKey(ids.rsa), tripleDesAlone], /no algorithm for this RSA key/],
    [
      'nothing for a curve',
      [publicKey(ids.p384), capabilities(aes(5))],
      /no algorithm for this key/,
    ],
    ['capabilities alone', [everything], /names no key to encrypt with/],
    ['no encryption where the group demands it (SKG-28)', [], /sends private keys encrypted only/],
    [
      'an identifier that is no OCTET STRING',
      [
        attribute('1.2.840.113549.1.9.16.2.37', encode(tags.utf8String, Buffer.from('kek'))),
        everything,
      ],
      /not an OCTET STRING/,
    ],
    ['an identifier of nothing', [secretKey(''), everything], /not an OCTET STRING/],
    [
      'malformed capabilities',
      [secretKey(ids.kek), attribute('1.2.840.113549.1.9.15', encode(tags.null))],
      /smimeCapabilities is malformed/,
    ],
  ];

  test('each with its reason; the password serves afterwards', async () => {
    const { d: password } = await server.passwords(['d']);
    for (const [what, attributes, reason] of cases) {
      const { status, headers, body } = await askWith(password, ...attributes);
      assert.equal(status, 400, `${what}: ${body}`);
      assert.match(headers['content-type'] ?? '', /^text\/plain/);
      assert.match(body, reason, what);
    }
    assert.equal((await askWith(password, secretKey(ids.kek), everything)).status, 200);
  });

  test("another device's key", async () => {
    const { other: password } = await server.passwords(['other']);
    const der = requestWith(secretKey(ids.kek), everything);
    const { status, body } = await post(`${server.est}/serverkeygen`, server.root, der, {
      user: 'other',
      password,
    });
    assert.equal(status, 400);
    assert.match(body, /No key 6b656b is registered for this device/);
  });
});

test('a repetition is for the same protection only', { timeout }, async () => {
  await cli('group', 'set', 'default', '--server-key-delivery', 'plain-allowed');
  const { d: password } = await server.passwords(['d']);
  const first = await askWith(password, secretKey(ids.kek), everything);
  assert.equal(first.status, 200);
  assert.equal((await askWith(password, secretKey(ids.kek), everything)).body, first.body);
  for (const attributes of [[], [publicKey(ids.rsa), everything]]) {
    const { status, body } = await askWith(password, ...attributes);
    assert.equal(status, 403, body);
    assert.match(body, /gone for good/);
  }
  await cli('group', 'set', 'default', '--server-key-delivery', 'encrypted-only');
});
