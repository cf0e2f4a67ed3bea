/**
 * `bestow device key`: the keys that devices decrypt with, as an operator registers them.
 */

import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BestowServer } from '../support/bestow.ts';
import { addDeviceKey } from '../support/device-keys.ts';
import { openssl, withFile } from '../support/est-client.ts';

const timeout = 60_000;
const server = await BestowServer.init();
after(() => server[Symbol.asyncDispose]());

const kek = Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'hex');
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const publicPem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString();
const publicDer = (key: KeyObject) => key.export({ type: 'spki', format: 'der' });

function certify(key: KeyObject, usage: string): string {
  const args = ['-subj', '/CN=decryption', '-addext', `keyUsage=${usage}`];
  return withFile(pem(key), (file) =>
    openssl(['req', '-x509', '-new', '-key', file, ...args]),
  ).toString();
}

const add = (id: string, option: string, content: string | Uint8Array) =>
  addDeviceKey(server, 'd', id, option, content);

before(async () => {
  await server.cli('device', 'add', 'd');
  const added = [
    await add('6B', '--kek-file', kek),
    await add('01', '--public-key', publicPem(rsa.publicKey)),
    await add('02', '--public-key', publicDer(p256.publicKey)),
    await add('03', '--certificate', certify(p256.privateKey, 'keyAgreement')),
  ];
  for (const { exitCode, stderr } of added) assert.deepEqual([exitCode, stderr], [0, '']);
});

test('keys are listed without what is secret', { timeout }, async () => {
  const keys = await server.json<Record<string, string>[]>('device', 'key', 'list', 'd');
  assert.deepEqual(
    keys.map(({ createdAt, ...rest }) => rest),
    [
      { device: 'd', id: '01', kind: 'public-key' },
      { device: 'd', id: '02', kind: 'public-key' },
      { device: 'd', id: '03', kind: 'certificate' },
      { device: 'd', id: '6b', kind: 'shared-key' },
    ],
  );
  const { stdout } = await server.cli('device', 'key', 'list', 'another');
  assert.equal(stdout, 'There are no device keys.\n');
});

test('a secret key is nowhere in clear', () => {
  const files = readdirSync(server.data, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => readFileSync(join(parentPath, name)));
  const holds = (octets: Buffer) => files.some((content) => content.includes(octets));
  assert.equal(holds(publicDer(p256.publicKey)), true, 'a public key is found, so it would be');
  assert.equal(holds(kek), false);
});

const unfit: [what: string, option: string, content: string | Uint8Array, reason: RegExp][] = [
  [
    'a certificate for signing alone (SKG-16)',
    '--certificate',
    certify(rsa.privateKey, 'digitalSignature'),
    /keyUsage .* keyEncipherment/,
  ],
  [
    'a key that cannot decrypt',
    '--public-key',
    publicPem(generateKeyPairSync('ed25519').publicKey),
    /cannot decrypt/,
  ],
  ['a private key', '--public-key', pem(rsa.privateKey), /holds no public key/],
  ['a secret key of no AES size', '--kek-file', kek.subarray(0, 20), /16, 24 or 32 octets/],
  ['no certificate', '--certificate', 'nothing', /holds no certificate/],
  ['octets that are no public key', '--public-key', Buffer.from('3000', 'hex'), /public key/],
];
for (const [what, option, content, reason] of unfit)
  test(`not registered: ${what}`, { timeout }, async () => {
    const { exitCode, stderr } = await add('cc', option, content);
    assert.equal(exitCode, 2, stderr);
    assert.match(stderr, reason);
  });

test('each key has an identifier of its own, and a device', { timeout }, async () => {
  assert.equal((await add('6b', '--kek-file', kek)).exitCode, 5);
  assert.equal((await add('xyz', '--kek-file', kek)).exitCode, 2);
  assert.equal((await addDeviceKey(server, 'nobody', '01', '--kek-file', kek)).exitCode, 3);
  const none = await server.cli('device', 'key', 'add', 'd', '--id', '04');
  assert.equal(none.exitCode, 2);
  assert.match(none.stderr, /one of --kek-file, --certificate and --public-key/);
  const missing = await server.cli('device', 'key', 'add', 'd', '--id', '04', '--kek-file', 'none');
  assert.equal(missing.exitCode, 1);
});

test('keys are removed, one by one or with their device', { timeout }, async () => {
  assert.equal((await server.cli('device', 'key', 'remove', 'd', '--id', '6B')).exitCode, 0);
  assert.equal((await server.cli('device', 'key', 'remove', 'd', '--id', '6B')).exitCode, 3);
  assert.equal((await server.json<unknown[]>('device', 'key', 'list')).length, 3);
  await server.cli('device', 'remove', 'd');
  await server.cli('device', 'add', 'd');
  assert.deepEqual(await server.json('device', 'key', 'list', 'd'), []);
});
