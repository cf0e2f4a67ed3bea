/**
 * /serverkeygen with keys that TLS alone protects (RFC 7030 section 4.4): where it is, who may, what comes back, and what
 * is left behind.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { readDer } from '../../ca/der.ts';
import { octetsKey } from '../../ca/object-identifiers.ts';
import { BestowServer } from '../support/bestow.ts';
import { BouncyCastle } from '../support/bouncy-castle.ts';
import { type EstRequest, makeKey, openssl, post, withFile } from '../support/est-client.ts';
import {
  dns,
  forgeRequest,
  octetString,
  oidOf,
  requestedNames,
  sequence,
} from '../support/forged-request.ts';
import {
  assertKeyOf,
  publicKeyOfCertificate,
  takeApart,
} from '../support/server-key-generation.ts';

const timeout = 60_000;
const server = await BestowServer.init();
after(() => server[Symbol.asyncDispose]());
const request = forgeRequest({ subject: sequence() });

/** The elements of ECPrivateKey (RFC 5915 section 3) in a PrivateKeyInfo. */
const ecPrivateKeyIn = (privateKeyInfo: Uint8Array) =>
  readDer(readDer(privateKeyInfo).children[2]?.content ?? new Uint8Array()).children;

const ask = (path: string, der: Uint8Array = request, options: EstRequest = {}) =>
  post(`${server.est}${path}`, server.root, der, options);

async function passwordOf(device: string): Promise<string> {
  return (await server.passwords([device]))[device] ?? '';
}

async function askFor(device: string, der: Uint8Array = request) {
  return ask('/serverkeygen', der, { user: device, password: await passwordOf(device) });
}

async function set(label: string, ...settings: string[]): Promise<void> {
  const { exitCode, stderr } = await server.cli('group', 'set', label, ...settings);
  assert.equal(exitCode, 0, stderr);
}

before(async () => {
  await server.start();
});

suite('where no group has it', { timeout }, () => {
  test('it is not there, whoever asks and however', async () => {
    const credentials = { user: 'early', password: await passwordOf('early') };
    const answers = await Promise.all([
      ask('/serverkeygen'),
      ask('/serverkeygen', request, credentials),
      ask('/default/serverkeygen', request, credentials),
      ask('/serverkeygen', request, { method: 'GET' }),
      ask('/serverkeygen', request, { headers: { 'Content-Type': 'text/plain' } }),
      ask('/no-such-operation'),
    ]);
    for (const { status, body } of answers) {
      assert.equal(status, 404);
      assert.match(body, /no EST operation at this path/);
    }
  });
});

suite('where a group has it', { timeout }, () => {
  before(async () => {
    await server.cli('group', 'add', 'makers');
    await set('default', '--server-keys', 'platform', '--server-key-delivery', 'plain-allowed');
  });

  test('another group has not: nothing at its label, a reason for its devices', async () => {
    assert.equal((await ask('/makers/serverkeygen')).status, 404);
    await server.cli('device', 'add', 'maker', '--group', 'makers');
    const password = await passwordOf('maker');
    const { status, body } = await ask('/serverkeygen', request, { user: 'maker', password });
    assert.equal(status, 403);
    assert.match(body, /group makers make their keys themselves: use \/simpleenroll/);
    const enrolled = await ask('/simpleenroll', request, { user: 'maker', password });
    assert.equal(enrolled.status, 200, 'the password is not spent');
  });

  test('nobody is served unknown (SKG-02)', async () => {
    const { status, headers } = await ask('/serverkeygen');
    assert.equal(status, 401);
    assert.match(headers['www-authenticate'] ?? '', /^Basic /);
  });

  test('the media type must be that of a request', async () => {
    const headers = { 'Content-Type': 'application/pkcs7-mime' };
    assert.equal((await ask('/serverkeygen', request, { headers })).status, 415);
  });

  test('the answer (SKG-07 to SKG-13, SKG-27)', async () => {
    const answer = await askFor('answered');
    const { keyPart, certificate } = takeApart(answer);
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.equal(answer.headers['content-length'], String(answer.body.length));
    assert.equal(keyPart.headers['content-type'], 'application/pkcs8');
    assertKeyOf(keyPart.der, certificate);
    const [version, algorithm] = readDer(keyPart.der).children;
    assert.equal(octetsKey(version?.bytes ?? new Uint8Array()), '020100');
    assert.equal(
      octetsKey(algorithm?.children[1]?.bytes ?? new Uint8Array()),
      '06082a8648ce3d030107',
    );
    assert.match(openssl(['x509', '-noout', '-subject'], certificate).toString(), /CN = answered/);
  });

  test('curl and openssl are enough of a client', async () => {
    const body = Buffer.from(request).toString('base64');
    const credentials = `curl:${await passwordOf('curl')}`;
    const text = withFile(body, (file) =>
      execFileSync('curl', [
        ...['-sS', '--cacert', server.rootFile, '-u', credentials, '--data-binary', `@${file}`],
        ...['-H', 'Content-Type: application/pkcs10', `${server.est}/serverkeygen`],
      ]),
    ).toString();
    const [, key = '', certificate = ''] = text.split(/^--bestow-key-and-certificate.*$/m);
    const decode = (part: string) =>
      openssl(['base64', '-d'], `${part.split('\r\n\r\n')[1] ?? ''}`.replaceAll('\r', ''));
    const pem = openssl(['pkcs7', '-inform', 'DER', '-print_certs'], decode(certificate));
    assertKeyOf(decode(key), pem.toString());
  });

  test('key and signature of the request do not matter (SKG-05)', async () => {
    const corrupt = forgeRequest({ subject: sequence(), sign: () => Buffer.from('no signature') });
    const { certificate } = takeApart(await askFor('corrupt', corrupt));
    const requested = openssl(['req', '-inform', 'DER', '-pubkey', '-noout'], request).toString();
    assert.notEqual(publicKeyOfCertificate(certificate), requested);
    const noKey = forgeRequest({ subject: sequence(), publicKey: sequence(octetString()) });
    assert.equal((await askFor('keyless', noKey)).status, 200);
    const weak = makeKey('RSA-1024').request('/');
    assert.equal((await askFor('weak', weak)).status, 200);
    const unknownAlgorithm = forgeRequest({
      subject: sequence(),
      signatureAlgorithm: sequence(oidOf('1.2.3')),
    });
    assert.equal((await askFor('unsigned', unknownAlgorithm)).status, 200);
  });

  test('everything else does: names as at /simpleenroll (SKG-06)', async () => {
    await server.cli('device', 'add', 'named', '--name', 'DNS:pump.example');
    const own = await askFor(
      'named',
      forgeRequest({ subject: sequence(), attributes: [requestedNames(dns('pump.example'))] }),
    );
    const shown = openssl(['x509', '-noout', '-ext', 'subjectAltName'], takeApart(own).certificate);
    assert.match(shown.toString(), /DNS:pump\.example/);
    const foreign = forgeRequest({
      subject: sequence(),
      attributes: [requestedNames(dns('other.example'))],
    });
    assert.equal((await askFor('named', foreign)).status, 403);
    const otherSubject = makeKey().request('/CN=somebody-else');
    assert.equal((await askFor('named', otherSubject)).status, 403);
    assert.equal((await askFor('named', Buffer.from('3000', 'hex'))).status, 400);
  });

  test('a client certificate is as good as a password', async () => {
    const own = makeKey();
    const enrolled = await ask('/simpleenroll', own.request('/'), {
      user: 'holder',
      password: await passwordOf('holder'),
    });
    const certificate = openssl(
      ['pkcs7', '-inform', 'DER', '-print_certs'],
      Buffer.from(enrolled.body, 'base64'),
    ).toString();
    const answers = await Promise.all(
      [1, 2].map(() => ask('/serverkeygen', request, { certificate, key: own.key })),
    );
    const [first, second] = answers.map(takeApart);
    assert.ok(first && second);
    assertKeyOf(first.keyPart.der, first.certificate);
    assert.deepEqual(second, first, 'two at once get one key');
  });

  test('Bouncy Castle takes the answer apart', async () => {
    using client = await BouncyCastle.compile();
    client.makeRequest('java', '/CN=java');
    const [line] = await client.run({ server, version: 'TLSv1.3' }, [
      'serverkeygen',
      client.file('java.csr'),
      'java',
      await passwordOf('java'),
      client.file('java.pem'),
      client.file('java.der'),
    ]);
    assert.match(line ?? '', /^serverkeygen TLSv1\.3 1 certificate/);
    assertKeyOf(readFileSync(client.file('java.der')), client.read('java.pem'));
  });
});

suite('kinds of key', { timeout: 120_000 }, () => {
  for (const [kind, place, described] of [
    ['RSA-2048', 'platform', /Public-Key: \(2048 bit\)/],
    ['P-384', 'platform', /ASN1 OID: secp384r1/],
    ['P-521', 'token', /ASN1 OID: secp521r1/],
    ['Ed25519', 'platform', /ED25519 Public-Key/],
    ['RSA-2048', 'token', /Public-Key: \(2048 bit\)/],
    ['P-256', 'token', /ASN1 OID: prime256v1/],
  ] as const)
    test(`${kind}, made by the ${place}`, async () => {
      await set('default', '--server-keys', place, '--server-key-type', kind);
      const { keyPart, certificate } = takeApart(await askFor(`${kind}-${place}`.toLowerCase()));
      assertKeyOf(keyPart.der, certificate);
      const text = openssl(
        ['pkey', '-pubin', '-text', '-noout'],
        publicKeyOfCertificate(certificate),
      );
      assert.match(text.toString(), described);
    });
});

suite('a request that is repeated', { timeout }, () => {
  before(() => set('default', '--server-keys', 'platform', '--server-key-type', 'P-256'));

  test('gets the same key and certificate; the password is spent for every other request', async () => {
    const credentials = { user: 'again', password: await passwordOf('again') };
    const first = await ask('/serverkeygen', request, credentials);
    const second = await ask('/serverkeygen', request, credentials);
    assert.equal(first.status, 200);
    assert.equal(second.body, first.body);
    const other = await ask('/serverkeygen', makeKey().request('/'), credentials);
    assert.equal(other.status, 401);
    const enrollment = await ask('/simpleenroll', request, credentials);
    assert.equal(enrollment.status, 401, 'the same octets at /simpleenroll are another request');
  });

  test('a password spent at /simpleenroll gives no key for the same octets', async () => {
    const credentials = { user: 'before', password: await passwordOf('before') };
    const own = makeKey().request('/');
    assert.equal((await ask('/simpleenroll', own, credentials)).status, 200);
    assert.equal((await ask('/serverkeygen', own, credentials)).status, 401);
  });

  test('after a restart the key is gone, and the answer says what is needed', async () => {
    const credentials = { user: 'late', password: await passwordOf('late') };
    const { keyPart } = takeApart(await ask('/serverkeygen', request, credentials));
    assert.ok(!leftBehind(keyPart.der), 'while the server runs');
    await server.stop();
    assert.ok(!leftBehind(keyPart.der), 'when it has ended');
    await server.start();
    const { status, body } = await ask('/serverkeygen', request, credentials);
    assert.equal(status, 403);
    assert.match(
      body,
      /certificate is on record, but the private key is kept nowhere and is gone for good; a new one-time password is needed/,
    );
    assert.equal((await server.json<unknown[]>('cert', 'list', '--device', 'late')).length, 1);
  });

  function leftBehind(privateKeyInfo: Uint8Array): boolean {
    const [, privateKey, publicKey] = ecPrivateKeyIn(privateKeyInfo);
    const secret = Buffer.from(privateKey?.content ?? []);
    const point = Buffer.from(publicKey?.children[0]?.content.subarray(1) ?? []);
    assert.deepEqual([secret.length, point.length], [32, 65]);
    assert.ok(isOnRecord(point), 'the public key is found, so the private key would be');
    const base64 = Buffer.from(Buffer.from(privateKeyInfo).toString('base64'));
    return [secret, Buffer.from(octetsKey(secret)), base64].some(isOnRecord);
  }

  /** Whether octets are in a file of the data directory or in the log. */
  function isOnRecord(octets: Buffer): boolean {
    const files = readdirSync(server.data, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => readFileSync(join(parentPath, name)));
    return [...files, Buffer.from(server.log)].some((content) => content.includes(octets));
  }
});

suite('with approval', { timeout }, () => {
  before(() => set('default', '--approval', 'on'));
  after(() => set('default', '--approval', 'off'));

  test('no key is made before a person has approved', async () => {
    const credentials = { user: 'waiting', password: await passwordOf('waiting') };
    const first = await ask('/serverkeygen', request, credentials);
    assert.equal(first.status, 202, first.body);
    assert.ok(Number(first.headers['retry-after']) > 0);
    const [{ id } = assert.fail()] = await server.json<{ id: string }[]>('pending', 'list');
    await server.cli('pending', 'approve', id);
    const { keyPart, certificate } = takeApart(await ask('/serverkeygen', request, credentials));
    assertKeyOf(keyPart.der, certificate);
    const repeated = await ask('/serverkeygen', request, credentials);
    assert.deepEqual(takeApart(repeated).keyPart, keyPart);
  });
});
