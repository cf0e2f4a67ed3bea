/** Newer algorithms against a real server: a device's key, its certificate in TLS, the key exchange. */

import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { after, describe, test } from 'node:test';
import { type ConnectionOptions, connect } from 'node:tls';
import { BestowServer } from '../support/bestow.ts';
import {
  certificateOf,
  makeKey,
  openssl,
  post,
  readText,
  withFile,
} from '../support/est-client.ts';
import { commonName, forgeRequest, keyPairs, spkiOf } from '../support/forged-request.ts';

const timeout = 30_000;
const server = await BestowServer.start();
after(() => server[Symbol.asyncDispose]());

const pemOf = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const issuing = new X509Certificate(readText(`${server.data}/ca/issuing.pem`));
const modern = ['ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87', 'Ed448'] as const;
const devices = [...modern, 'PSS', 'PSS-alone', 'P-521', 'X25519'] as const;
const passwords = await server.passwords(devices);

function enroll(device: (typeof devices)[number], request: Uint8Array) {
  const credentials = { user: device, password: passwords[device] };
  return post(`${server.est}/simpleenroll`, server.root, request, credentials);
}

describe('a device enrolls, and its certificate renews itself', { timeout }, () => {
  for (const device of modern)
    test(device, async () => {
      const { publicKey, privateKey } = keyPairs[device];
      const request = forgeRequest({ key: device, subject: commonName(device) });
      const certificate = certificateOf(await enroll(device, request));
      const x509 = new X509Certificate(certificate);
      assert.equal(x509.subject, `CN=${device}`);
      assert.deepEqual(spkiOf(x509.publicKey), spkiOf(publicKey));
      assert.ok(x509.verify(issuing.publicKey));
      const renewed = certificateOf(await renew(request, certificate, pemOf(privateKey)));
      assert.notEqual(new X509Certificate(renewed).serialNumber, x509.serialNumber);
    });

  test('RSA by RSASSA-PSS, as OpenSSL signs it', async () => {
    const { key, request } = makeKey('RSA-2048');
    const options = ['rsa_padding_mode:pss', 'rsa_pss_saltlen:digest'];
    const der = request('/CN=PSS', ...options.flatMap((option) => ['-sigopt', option]));
    const certificate = certificateOf(await enroll('PSS', der));
    assert.equal((await renew(der, certificate, key)).status, 200);
  });

  test('a key for RSASSA-PSS alone, made by OpenSSL', async () => {
    const key = openssl(['genpkey', '-algorithm', 'RSA-PSS']).toString();
    const arguments_ = ['-subj', '/CN=PSS-alone', '-sigopt', 'rsa_pss_saltlen:digest'];
    const request = withFile(key, (file) =>
      openssl(['req', '-new', '-key', file, '-outform', 'DER', ...arguments_]),
    );
    const certificate = certificateOf(await enroll('PSS-alone', request));
    assert.equal(new X509Certificate(certificate).publicKey.asymmetricKeyType, 'rsa-pss');
    for (const tls of ['TLSv1.2', 'TLSv1.3'] as const)
      assert.equal((await renew(request, certificate, key, tls)).status, 200, tls);
  });

  test('P-521 with TLS 1.2, where its curve must be among the groups of the key exchange', async () => {
    const { key, request } = makeKey('P-521');
    const der = request('/CN=P-521');
    const certificate = certificateOf(await enroll('P-521', der));
    assert.equal((await renew(der, certificate, key, 'TLSv1.2')).status, 200);
  });
});

function renew(request: Uint8Array, certificate: string, key: string, tls?: 'TLSv1.2' | 'TLSv1.3') {
  return post(`${server.est}/simplereenroll`, server.root, request, {
    certificate,
    key,
    ...(tls ? { tls } : {}),
  });
}

test('TLS 1.2 has no ML-DSA: the client leaves its certificate out', { timeout }, async () => {
  const { privateKey } = keyPairs['ML-DSA-65'];
  const request = forgeRequest({ key: 'ML-DSA-65', subject: commonName('ML-DSA-65') });
  const certificate = certificateOf(await enroll('ML-DSA-65', request));
  assert.equal((await renew(request, certificate, pemOf(privateKey), 'TLSv1.2')).status, 401);
});

test('a request for a key that cannot sign is sent elsewhere', { timeout }, async () => {
  const { publicKey } = generateKeyPairSync('x25519');
  const request = forgeRequest({ publicKey: spkiOf(publicKey), subject: commonName('X25519') });
  const answer = await enroll('X25519', request);
  assert.equal(answer.status, 400);
  assert.match(answer.body, /X25519 cannot sign.*\/fullcmc/);
});

/** The group that the key exchange was done with, as Node.js names it. */
async function groupOf(options: ConnectionOptions): Promise<string | undefined> {
  const { port, root: ca } = server;
  const socket = connect({ host: '127.0.0.1', servername: 'localhost', port, ca, ...options });
  try {
    await once(socket, 'secureConnect');
    return (socket.getEphemeralKeyInfo() as { name?: string } | null)?.name;
  } finally {
    socket.destroy();
  }
}

describe('key exchange', { timeout }, () => {
  const rows: Record<string, [options: ConnectionOptions, group: string]> = {
    'a client of today': [{}, 'X25519MLKEM768'],
    'a client with the hybrid alone': [{ ecdhCurve: 'X25519MLKEM768' }, 'X25519MLKEM768'],
    // OpenSSL guesses by the first of them, and is asked to try again.
    'a client that would rather not': [{ ecdhCurve: 'X25519:X25519MLKEM768' }, 'X25519MLKEM768'],
    'a client with X25519': [{ ecdhCurve: 'X25519' }, 'X25519'],
    'a client with P-256': [{ ecdhCurve: 'P-256' }, 'prime256v1'],
    'a client with P-384': [{ ecdhCurve: 'P-384' }, 'secp384r1'],
    'a client with P-521': [{ ecdhCurve: 'P-521' }, 'secp521r1'],
    'TLS 1.2': [{ maxVersion: 'TLSv1.2' }, 'X25519'],
    'TLS 1.2 with P-256': [{ maxVersion: 'TLSv1.2', ecdhCurve: 'P-256' }, 'prime256v1'],
  };
  for (const [who, [options, group]] of Object.entries(rows))
    test(`${who}: ${group}`, async () => assert.equal(await groupOf(options), group));

  test('OpenSSL 3.0, which has no hybrid', () => {
    const address = ['-connect', `127.0.0.1:${server.port}`, '-servername', 'localhost'];
    const printed = openssl(['s_client', ...address, '-CAfile', server.rootFile], '').toString();
    assert.match(printed, /Server Temp Key: (X25519|ECDH)/);
    assert.match(printed, /Verify return code: 0/);
  });

  for (const group of ['X448', 'ffdhe2048', 'SecP256r1MLKEM768'])
    test(`${group} is not offered`, () =>
      assert.rejects(groupOf({ ecdhCurve: group }), /handshake failure/));
});
