/**
 * The table of operations: every path, method, media type and body gets the answer it should, over the real parts but
 * for TLS and the HSM.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Express } from 'express';
import { pino } from 'pino';
import request from 'supertest';
import { CertificateAuthority } from '../../ca/certificate-authority.ts';
import { ClientCertificateValidator } from '../../ca/client-certificate.ts';
import { CrlPublisher } from '../../ca/crl-publisher.ts';
import { noRules } from '../../enrollment/allocation/allocate.ts';
import { BootstrapCredentialAuthenticator } from '../../enrollment/by-bootstrap-credential.ts';
import { CertificateAuthenticator } from '../../enrollment/by-certificate.ts';
import { DigestAuthenticator } from '../../enrollment/by-digest.ts';
import { FactoryCertificateAuthenticator } from '../../enrollment/by-factory-certificate.ts';
import { OneTimePasswordAuthenticator } from '../../enrollment/by-one-time-password.ts';
import { RequestKeyAuthenticator } from '../../enrollment/by-request-key.ts';
import { SharedSecretAuthenticator } from '../../enrollment/by-shared-secret.ts';
import { DeviceKeySecrets } from '../../enrollment/device-keys.ts';
import { hashOneTimePassword } from '../../enrollment/one-time-password.ts';
import { PlatformKeyGenerator } from '../../enrollment/platform-key-generator.ts';
import { RevocationChallenges } from '../../enrollment/revocation-challenge.ts';
import { ShownCodes } from '../../enrollment/shown-code.ts';
import { type OpenStores, openStores } from '../../storage/stores.ts';
import { certificateOf, makeKey } from '../../test/support/est-client.ts';
import { noAuthorization } from '../../test/support/no-authorization.ts';
import { noEndpointWebhooks } from '../../test/support/no-endpoint-webhooks.ts';
import { oneIssuer } from '../../test/support/one-issuer.ts';
import { profilesOver } from '../../test/support/profiles.ts';
import { makeSoftwareCa, type SoftwareCa } from '../../test/support/software-ca.ts';
import { AnswersInMemory } from '../delivered-answers.ts';
import { estApp } from './app.ts';
import { PendTokens } from './cmc/pend-token.ts';
import { PopChallenges } from './cmc/pop-challenge.ts';
import { NonceMint } from './digest-nonce.ts';

const est = '/.well-known/est';
const pepper = Buffer.from('pepper');
const limits = {
  perCredentialAndSource: 1000,
  perCredential: 1000,
  perSource: 1000,
  windowSeconds: 60,
};
const directory = mkdtempSync(join(tmpdir(), 'bestow-router-'));
const log: Record<string, unknown>[] = [];
let stores: OpenStores;
let ca: SoftwareCa;
let app: Express;
let passwords = 0;

before(async () => {
  stores = await openStores({ sqlite: join(directory, 'bestow.db'), busyTimeout: 1000 }, limits);
  ca = await makeSoftwareCa();
  const { root, issuing, signer } = ca;
  const now = new Date();
  await stores.tenants.add({ id: 'acme', endpoints: [], label: 'factory' }, 'test', now);
  await stores.tenants.add({ id: 'other', endpoints: [], label: 'other' }, 'test', now);
  await stores.devices.add({ id: 'device-1', tenant: 'acme', names: [] }, 'test', now);
  const { ledger, devices, tenants, oneTimePasswords, approvals } = stores;
  const authority = new CertificateAuthority({ issuer: issuing, signer, ledger, serialPrefix: 1 });
  const requestKey = new RequestKeyAuthenticator(devices, tenants);
  const crls = new CrlPublisher({
    issuer: issuing,
    signer,
    store: stores.crls,
    validitySeconds: 3600,
    report: (error) => assert.fail(String(error)),
  });
  app = estApp(
    {
      issuers: oneIssuer(authority, { announced: [root, issuing], crls }),
      profiles: await profilesOver(stores, { validity: '1d', endpoints: 'none' }),
      allocation: { current: noRules },
      ledger,
      devices,
      tenants,
      approvals,
      stagingArea: stores.stagingArea,
      authorization: noAuthorization,
      endpointWebhooks: noEndpointWebhooks,
      waiting: { retryAfter: 60, validity: 3600 },
      revocationChallenges: new RevocationChallenges(pepper),
      authenticators: {
        oneTimePassword: new OneTimePasswordAuthenticator(oneTimePasswords, pepper),
        digest: new DigestAuthenticator(oneTimePasswords, stores.digestNonces, pepper),
        nonces: new NonceMint(pepper),
        certificate: new CertificateAuthenticator(
          new ClientCertificateValidator({ certificates: [issuing] }),
          ledger,
          devices,
        ),
        sharedSecret: new SharedSecretAuthenticator(oneTimePasswords, pepper),
        requestKey,
        bootstrapCredential: new BootstrapCredentialAuthenticator(
          stores.bootstrapCredentials,
          requestKey,
          pepper,
        ),
        shownCodes: new ShownCodes(pepper),
        factoryCertificate: new FactoryCertificateAuthenticator(stores.manufacturers),
      },
      failures: oneTimePasswords,
      popChallenges: new PopChallenges(pepper),
      pendTokens: new PendTokens(pepper),
      deviceKeys: stores.deviceKeys,
      deviceKeySecrets: new DeviceKeySecrets(pepper),
      deliveredAnswers: new AnswersInMemory(),
      keyGenerators: { platform: new PlatformKeyGenerator() },
    },
    pino({ level: 'info' }, { write: (line: string) => void log.push(JSON.parse(line)) }),
  );
});

after(async () => {
  await stores.close();
  rmSync(directory, { recursive: true, force: true });
});

async function newPassword(): Promise<string> {
  const password = `password-${++passwords}`;
  await stores.oneTimePasswords.create({
    id: `otp-${passwords}`,
    device: 'device-1',
    passwordHash: hashOneTimePassword(password, pepper),
    createdAt: new Date(),
    expiresAt: new Date(Date.now() + 60_000),
    by: 'test',
  });
  return password;
}

function sendWith(password: string, body: string) {
  return request(app)
    .post(`${est}/simpleenroll`)
    .auth('device-1', password)
    .set('Content-Type', 'application/pkcs10')
    .send(body);
}

const key = makeKey();
const der = key.request('/CN=device-1');

async function enroll(
  body: string | Buffer,
  headers: Record<string, string> = {},
  path = 'simpleenroll',
) {
  return request(app)
    .post(`${est}/${path}`)
    .auth('device-1', await newPassword())
    .set({ 'Content-Type': 'application/pkcs10', ...headers })
    .send(body);
}

describe('paths and methods', () => {
  const rows: [
    method: 'get' | 'head' | 'post' | 'put' | 'delete' | 'options',
    path: string,
    status: number,
  ][] = [
    ['get', '/cacerts', 200],
    ['head', '/cacerts', 200],
    ['get', '/factory/cacerts', 200],
    ['get', '/csrattrs', 204],
    ['get', '/factory/csrattrs', 204],
    ['post', '/cacerts', 405],
    ['options', '/cacerts', 405],
    ['get', '/simpleenroll', 405],
    ['put', '/simpleenroll', 405],
    ['delete', '/simplereenroll', 405],
    ['get', '/nolabel/cacerts', 404],
    ['get', '/nothing', 404],
    ['get', '/constructor', 404],
    ['get', '/fullcmc', 405],
    ['post', '/fullcmc', 415],
    ['post', '/serverkeygen', 404],
    ['get', '/crls', 200],
    ['head', '/crls', 200],
    ['get', '/factory/crls', 200],
    ['get', '/nolabel/crls', 404],
    ['post', '/crls', 405],
    ['post', '/pal', 405],
    ['post', '/eecerts', 405],
    // What RFC 8295 has besides is not served.
    ['post', '/serverkeygen/return', 404],
    ['post', '/factory/serverkeygen/return', 404],
    ['get', '/symmetrickeys', 404],
    ['post', '/symmetrickeys/return', 404],
    ['get', '/firmware', 404],
    ['post', '/firmware/return', 404],
    ['get', '/tamp', 404],
    ['post', '/tamp/return', 404],
    ['get', '/factory/tamp', 404],
    ['post', '/factory/tamp/return', 404],
    ['get', '/a/b/cacerts', 404],
    ['get', '/cacerts/', 404],
    ['get', '', 404],
  ];
  for (const [method, path, status] of rows)
    test(`${method.toUpperCase()} ${path || '(nothing)'} is ${status}`, async () => {
      const answer = await request(app)[method](`${est}${path}`);
      assert.equal(answer.status, status);
      if (status === 405) assert.match(answer.headers.allow ?? '', /^(GET, HEAD|POST)$/);
      if (status >= 400 && method !== 'head') {
        assert.equal(answer.headers['content-type'], 'text/plain; charset=utf-8');
        assert.ok(answer.text.includes(String(answer.headers['x-request-id'])));
      }
    });

  test('outside of the well-known prefix there is nothing', async () => {
    assert.equal((await request(app).get('/cacerts')).status, 404);
  });
});

describe('bodies', () => {
  const base64 = der.toString('base64');
  test('whatever Content-Transfer-Encoding says does not matter', async () => {
    for (const encoding of ['base64', 'binary', '7bit', 'nonsense'])
      assert.equal((await enroll(base64, { 'Content-Transfer-Encoding': encoding })).status, 200);
  });

  const types: Record<string, number> = {
    'application/pkcs10': 200,
    'Application/PKCS10; name="smime.p10"': 200,
    'application/pkcs10;charset=utf-8': 200,
    'text/plain': 415,
    'application/json': 415,
    'application/x-www-form-urlencoded': 415,
    'application/pkcs10x': 415,
  };
  for (const [type, status] of Object.entries(types))
    test(`of type ${type} get ${status}`, async () => {
      assert.equal((await enroll(base64, { 'Content-Type': type })).status, status);
    });

  const bodies: Record<string, [body: string, status: number]> = {
    'that are empty': ['', 400],
    'that are not base64': ['%%%%', 400],
    'that are PEM': [
      `-----BEGIN CERTIFICATE REQUEST-----\n${base64}\n-----END CERTIFICATE REQUEST-----\n`,
      400,
    ],
    'that are base64 of something else': [Buffer.from('hello').toString('base64'), 400],
    'with a byte after the request': [Buffer.concat([der, Buffer.of(0)]).toString('base64'), 400],
    'of more than 64 KiB': ['A'.repeat(64 * 1024 + 4), 413],
  };
  for (const [what, [body, status]] of Object.entries(bodies))
    test(`${what} get ${status} and a reason`, async () => {
      const answer = await enroll(body);
      assert.equal(answer.status, status);
      assert.match(answer.text, /\w+ .*\(request [0-9a-f-]{36}\)\n$/);
    });

  test('a compressed body is 415, not unpacked', async () => {
    assert.equal((await enroll(base64, { 'Content-Encoding': 'gzip' })).status, 415);
  });

  test('what is refused for its form spends no password', async () => {
    const password = await newPassword();
    assert.equal((await sendWith(password, '%%%')).status, 400);
    assert.equal(
      (await sendWith(password, makeKey().request('/CN=device-2').toString('base64'))).status,
      403,
    );
    assert.equal((await sendWith(password, base64)).status, 200);
  });
});

describe('who asks', () => {
  const post = (path = 'simpleenroll') =>
    request(app).post(`${est}/${path}`).set('Content-Type', 'application/pkcs10');
  const encode = (text: string) => Buffer.from(text).toString('base64');

  const challenges: Record<string, string | undefined> = {
    'no credentials': undefined,
    'a wrong password': `Basic ${encode('device-1:wrong')}`,
    'no colon': `Basic ${encode('device-1')}`,
    'no base64': 'Basic ***',
    'no UTF-8': `Basic ${Buffer.of(0xff, 0x3a, 0x41).toString('base64')}`,
    'another scheme': 'Bearer abc',
    'an empty header': '',
  };
  for (const [what, authorization] of Object.entries(challenges))
    test(`${what}: 401 with a challenge and an empty body`, async () => {
      const asked =
        authorization === undefined ? post() : post().set('Authorization', authorization);
      const answer = await asked.send(der.toString('base64'));
      assert.equal(answer.status, 401);
      assert.equal(answer.headers['www-authenticate'], 'Basic realm="EST"');
      assert.equal(answer.headers['content-length'], '0');
      assert.equal(answer.text, '');
      assert.equal(answer.headers['set-cookie'], undefined);
    });

  test('the scheme in any case, and a password alone', async () => {
    for (const authorization of [
      `bAsIc ${encode(`device-1:${await newPassword()}`)}`,
      `Basic ${encode(`:${await newPassword()}`)}`,
    ])
      assert.equal(
        (await post().set('Authorization', authorization).send(der.toString('base64'))).status,
        200,
      );
  });

  test("another tenant's label knows no such password", async () => {
    const answer = await enroll(der.toString('base64'), {}, 'other/simpleenroll');
    assert.equal(answer.status, 401);
    assert.equal((await enroll(der.toString('base64'), {}, 'factory/simpleenroll')).status, 200);
  });

  test('re-enrollment takes no password', async () => {
    assert.equal((await enroll(der.toString('base64'), {}, 'simplereenroll')).status, 401);
  });
});

describe('answers', () => {
  test('an enrollment answers the one certificate, to be read by every client', async () => {
    const answer = await enroll(der.toString('base64'));
    assert.equal(answer.headers['content-type'], 'application/pkcs7-mime; smime-type=certs-only');
    assert.equal(answer.headers['content-transfer-encoding'], 'base64');
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.equal(Number(answer.headers['content-length']), Buffer.byteLength(body(answer)));
    assert.equal(answer.headers['transfer-encoding'], undefined);
    certificateOf({ status: 200, headers: {}, rawHeaders: [], body: body(answer) });
  });

  test('/cacerts is cheap to poll: the same ETag gets 304', async () => {
    const first = await request(app).get(`${est}/cacerts`);
    const etag = String(first.headers.etag);
    assert.equal((await request(app).get(`${est}/cacerts`).set('If-None-Match', etag)).status, 304);
    assert.equal(
      (await request(app).get(`${est}/cacerts`).set('If-None-Match', '"x"')).status,
      200,
    );
    assert.equal(first.headers['content-type'], 'application/pkcs7-mime');
  });

  test('a fault is 500 with a reference, and told in full in the log only', async () => {
    ca.signer.onSign = () => {
      throw new Error('secret detail of a fault');
    };
    const answer = await enroll(makeKey().request('/CN=device-1').toString('base64'));
    ca.signer.onSign = () => {};
    assert.equal(answer.status, 500);
    assert.ok(!answer.text.includes('secret detail'));
    const requestId = answer.headers['x-request-id'];
    const fault = log.find((line) => line.msg === 'fault' && line.requestId === requestId);
    assert.match(JSON.stringify(fault), /secret detail/);
  });

  test('a signer out of reach is 503 with Retry-After in digits, and the password still serves', async () => {
    const password = await newPassword();
    ca.signer.available = false;
    const answer = await sendWith(password, makeKey().request('/CN=device-1').toString('base64'));
    assert.equal(answer.status, 503);
    assert.match(String(answer.headers['retry-after']), /^\d+$/);
    ca.signer.available = true;
    assert.equal((await sendWith(password, der.toString('base64'))).status, 200);
  });
});

function body(answer: request.Response): string {
  return answer.text ?? (answer.body as Buffer).toString('latin1');
}
