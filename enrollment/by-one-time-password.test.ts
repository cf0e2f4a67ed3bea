import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type CertificateRequest, parseCertificateRequest } from '../ca/certificate-request.ts';
import { malformed } from '../ca/refusal.ts';
import type { OpenStores } from '../storage/stores.ts';
import { forgeRequest } from '../test/support/forged-request.ts';
import { openFreshStores } from '../test/support/fresh-stores.ts';
import { authorize } from './authorize.ts';
import { OneTimePasswordAuthenticator, type PasswordCredentials } from './by-one-time-password.ts';
import { hashOneTimePassword, makeCredentialId, makeOneTimePassword } from './one-time-password.ts';

const pepper = Buffer.alloc(32, 1);
const hour = 3_600_000;
let stores: OpenStores;
let authenticator: OneTimePasswordAuthenticator;
let request: CertificateRequest;
let otherRequest: CertificateRequest;
let counter = 0;

before(async () => {
  stores = await openFreshStores({ perSource: 30, perCredentialAndSource: 5 });
  authenticator = new OneTimePasswordAuthenticator(stores.oneTimePasswords, pepper);
  request = await parseCertificateRequest(forgeRequest({ key: 'P-256' }));
  otherRequest = await parseCertificateRequest(forgeRequest({ key: 'Ed25519' }));
});
after(() => stores.close());

/** A new device with a new password, and what it sends; each from a source of its own. */
async function newcomer(lifetime = hour): Promise<PasswordCredentials & { id: string }> {
  const device = `device-${++counter}`;
  const [id, password] = [makeCredentialId(), makeOneTimePassword()];
  await stores.devices.add({ id: device, tenant: 'acme', names: [] }, 'test', new Date());
  const createdAt = new Date(Date.now() - hour);
  await stores.oneTimePasswords.create({
    id,
    device,
    passwordHash: hashOneTimePassword(password, pepper),
    createdAt,
    expiresAt: new Date(Date.now() + lifetime),
    by: 'test',
  });
  return { id, userName: device, password, source: `source-${counter}`, requestId: 'request-1' };
}

/** Spends the password on a request, as the CA does with its intent. */
async function spend({ id, userName }: { id: string; userName: string }): Promise<void> {
  const now = new Date();
  const outcome = await stores.ledger.recordIntent({
    issuer: 'issuer',
    serialNumber: `01${String(++counter).padStart(4, '0')}`,
    toBeSigned: Uint8Array.of(0x30, 0),
    publicKeyDigest: request.publicKeyDigest,
    requestDigest: `request-${id}`,
    profile: 'device',
    subscriber: userName,
    credential: { kind: 'one-time-password', id },
    notBefore: now,
    notAfter: new Date(now.getTime() + hour),
    requestId: 'request-1',
    recordedAt: now,
  });
  assert.equal(outcome.kind, 'recorded');
}

const unauthenticated = { name: 'Refusal', code: 'unauthenticated' };

describe('who is known by a one-time password', () => {
  test('the device it is for', async () => {
    const { id, ...credentials } = await newcomer();
    const caller = await authenticator.identify(credentials);
    assert.equal(caller.device.id, credentials.userName);
    assert.equal(caller.tenant.id, 'acme');
    assert.deepEqual(caller.credential, { kind: 'one-time-password', id });
    assert.equal(caller.spentOn, undefined);
    assert.equal(caller.certificate, undefined);
  });

  for (const [what, change] of Object.entries({
    'by the credential id': ({ id }: { id: string }) => ({ userName: id }),
    'without a user name': () => ({ userName: '' }),
    'with the password in lower case': ({ password }: { password: string }) => ({
      password: password.toLowerCase().replaceAll('-', ' '),
    }),
    'on the path of its group': () => ({ group: 'acme' }),
  }))
    test(what, async () => {
      const sent = await newcomer();
      const caller = await authenticator.identify({ ...sent, ...change(sent) });
      assert.equal(caller.device.id, sent.userName);
    });
});

describe('who is not', () => {
  const refused: Record<string, (sent: PasswordCredentials) => Partial<PasswordCredentials>> = {
    'with another password': () => ({ password: makeOneTimePassword() }),
    'with an empty password': () => ({ password: '' }),
    'under another device’s name': () => ({ userName: 'device-1' }),
    'under its own name in capitals': ({ userName }) => ({ userName: userName.toUpperCase() }),
    'on the path of another group': () => ({ group: 'globex' }),
  };
  for (const [what, change] of Object.entries(refused))
    test(what, async () => {
      const sent = await newcomer();
      await assert.rejects(authenticator.identify({ ...sent, ...change(sent) }), unauthenticated);
    });

  test('with an expired password', async () => {
    await assert.rejects(authenticator.identify(await newcomer(-1)), unauthenticated);
  });

  test('with a revoked password', async () => {
    const sent = await newcomer();
    await stores.oneTimePasswords.revoke(sent.id, 'test', new Date());
    await assert.rejects(authenticator.identify(sent), unauthenticated);
  });

  test('with the password of another pepper', async () => {
    const other = new OneTimePasswordAuthenticator(stores.oneTimePasswords, Buffer.alloc(32, 2));
    await assert.rejects(other.identify(await newcomer()), unauthenticated);
  });

  test('when the device is blocked', async () => {
    const sent = await newcomer();
    await stores.devices.setStatus(sent.userName, 'blocked', 'test', new Date());
    const caller = await authenticator.identify(sent);
    assert.throws(() => authorize({ operation: 'consult', caller, called: undefined }), {
      code: 'device-blocked',
    });
  });

  test('when the device was removed', async () => {
    const sent = await newcomer();
    await stores.devices.remove(sent.userName, 'test', new Date());
    await assert.rejects(authenticator.identify(sent), unauthenticated);
  });

  test('after too many failures', async () => {
    const sent = await newcomer();
    const wrong = { ...sent, password: makeOneTimePassword() };
    for (let i = 0; i < 5; i++)
      await assert.rejects(authenticator.identify(wrong), unauthenticated);
    await assert.rejects(authenticator.identify(sent), { code: 'too-many-failures' });
    await authenticator.identify({ ...sent, source: 'another source' });
  });
});

describe('a spent password', () => {
  let sent: PasswordCredentials & { id: string };
  before(async () => {
    sent = await newcomer();
    await spend(sent);
  });

  test('still knows its device, and says which key it is spent on', async () => {
    const { spentOn } = await authenticator.identify(sent);
    assert.equal(spentOn, request.publicKeyDigest);
  });

  test('lets the request with that key through', async () => {
    const caller = await authenticator.identify(sent);
    const read = await authenticator.readRequest(caller, sent, async () => request);
    assert.equal(read, request);
  });

  const others: Record<string, () => Promise<CertificateRequest>> = {
    'with another key': async () => otherRequest,
    'with a malformed request': () => Promise.reject(malformed('not DER')),
    'with a request that is not signed': async () => {
      const forged = forgeRequest({ sign: () => new Uint8Array(70) });
      return parseCertificateRequest(forged);
    },
  };
  for (const [what, read] of Object.entries(others))
    test(`${what} is as good as unknown`, async () => {
      const caller = await authenticator.identify(sent);
      await assert.rejects(authenticator.readRequest(caller, sent, read), unauthenticated);
    });

  test('every such try counts as a failure', async () => {
    const caller = await authenticator.identify(sent);
    const from = { ...sent, source: 'a patient source' };
    for (let i = 0; i < 5; i++)
      await assert.rejects(
        authenticator.readRequest(caller, from, async () => otherRequest),
        unauthenticated,
      );
    await assert.rejects(authenticator.identify(from), { code: 'too-many-failures' });
  });
});

test('an unspent password hides nothing: a malformed request is told so', async () => {
  const sent = await newcomer();
  const caller = await authenticator.identify(sent);
  await assert.rejects(
    authenticator.readRequest(caller, sent, () => Promise.reject(malformed('not DER'))),
    { code: 'malformed-request', message: 'not DER' },
  );
  // And nothing is counted against it.
  for (let i = 0; i < 6; i++) await authenticator.identify(sent);
});
