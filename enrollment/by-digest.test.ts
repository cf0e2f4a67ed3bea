import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { OpenStores } from '../storage/stores.ts';
import { openFreshStores } from '../test/support/fresh-stores.ts';
import { authorize } from './authorize.ts';
import { DigestAuthenticator, type DigestCredentials } from './by-digest.ts';
import { DigestSecrets } from './digest-secret.ts';
import { makeCredentialId, makeOneTimePassword } from './one-time-password.ts';
import { StaleNonce } from './refusal.ts';

const pepper = Buffer.alloc(32, 1);
const hour = 3_600_000;
const secrets = new DigestSecrets(pepper);
let stores: OpenStores;
let authenticator: DigestAuthenticator;
let counter = 0;

before(async () => {
  stores = await openFreshStores({ perCredentialAndSource: 5 });
  authenticator = new DigestAuthenticator(stores.oneTimePasswords, stores.digestNonces, pepper);
});
after(() => stores.close());

interface Newcomer {
  readonly id: string;
  readonly device: string;
  readonly password: string;
}

async function newcomer(
  options: { device?: string; digest?: boolean; lifetime?: number } = {},
): Promise<Newcomer> {
  const { device = `device-${++counter}`, digest = true, lifetime = hour } = options;
  const [id, password] = [makeCredentialId(), makeOneTimePassword()];
  await stores.devices.add({ id: device, tenant: 'acme', names: [] }, 'test', new Date());
  await stores.oneTimePasswords.create({
    id,
    device,
    passwordHash: `hash-${id}`,
    ...(digest ? { digestSecret: secrets.make(password, { id, device }) } : {}),
    createdAt: new Date(Date.now() - hour),
    expiresAt: new Date(Date.now() + lifetime),
    by: 'test',
  });
  return { id, device, password };
}

const hashes = { 'SHA-256': 'sha256', MD5: 'md5' } as const;

/** What a client sends that has the password. */
function respond(
  { device, password }: Pick<Newcomer, 'device' | 'password'>,
  changes: Partial<DigestCredentials> = {},
): DigestCredentials {
  const { userName = device, algorithm = 'SHA-256' } = changes;
  const digest = (text: string) => createHash(hashes[algorithm]).update(text).digest('hex');
  const nonce = `nonce-${++counter}`;
  const data = `${nonce}:00000001:cnonce:auth:${digest('POST:/')}`;
  return {
    userName,
    algorithm,
    data,
    response: Buffer.from(digest(`${digest(`${userName}:EST:${password}`)}:${data}`), 'hex'),
    nonceUse: { nonce, count: 1, expiresAt: new Date(Date.now() + hour) },
    source: `source-${counter}`,
    requestId: 'request-1',
    ...changes,
  };
}

const rejects = (credentials: DigestCredentials, message: RegExp) =>
  assert.rejects(authenticator.identify(credentials), { code: 'unauthenticated', message });

describe('who is known by a Digest response', () => {
  for (const algorithm of ['SHA-256', 'MD5'] as const)
    test(`the device, by ${algorithm} and each form of user name`, async () => {
      const sent = await newcomer();
      for (const userName of [sent.device, sent.id, '']) {
        const caller = await authenticator.identify(respond(sent, { userName, algorithm }));
        assert.equal(caller.device.id, sent.device, userName);
        assert.deepEqual(caller.credential, { kind: 'one-time-password', id: sent.id });
        assert.equal(caller.spentOn, undefined);
      }
    });

  test('with the password without its hyphens', async () => {
    const { device, password } = await newcomer();
    const typed = respond({ device, password: password.replaceAll('-', '') });
    assert.equal((await authenticator.identify(typed)).device.id, device);
  });

  test('on the path of its group', async () => {
    const sent = await newcomer();
    const { group } = await authenticator.identify(respond(sent, { group: 'acme' }));
    assert.equal(group.label, 'acme');
  });

  test('with any of its passwords, and the one that was used is the credential', async () => {
    const first = await newcomer();
    const second = await newcomer({ device: first.device });
    for (const sent of [first, second]) {
      const { credential } = await authenticator.identify(respond(sent));
      assert.equal(credential.id, sent.id);
    }
  });

  test('with a spent password, which says the key it is spent on', async () => {
    const sent = await newcomer();
    const now = new Date();
    await stores.ledger.recordIntent({
      issuer: 'issuer',
      serialNumber: '01',
      toBeSigned: Uint8Array.of(0x30, 0),
      publicKeyDigest: 'the-key',
      requestDigest: 'request',
      profile: 'device',
      subscriber: sent.device,
      credential: { kind: 'one-time-password', id: sent.id },
      notBefore: now,
      notAfter: new Date(now.getTime() + hour),
      requestId: 'request-1',
      recordedAt: now,
    });
    assert.equal((await authenticator.identify(respond(sent))).spentOn, 'the-key');
  });
});

describe('who is not', () => {
  test('with another password', async () => {
    const { device, id } = await newcomer();
    const other = respond({ device, password: makeOneTimePassword() });
    await rejects(other, new RegExp(`not of the one-time password ${id}`));
  });

  test('under a name that is not known, or another’s', async () => {
    const sent = await newcomer();
    await rejects(respond({ ...sent, device: 'nobody' }), /no usable one-time password/);
    await rejects(respond({ ...sent, device: (await newcomer()).device }), /not of the one-time/);
  });

  test('with what was hashed for another algorithm, or under another form of user name', async () => {
    const sent = await newcomer();
    const { algorithm: _, ...md5 } = respond(sent, { algorithm: 'MD5' });
    await rejects({ ...md5, algorithm: 'SHA-256' }, /not of the one-time/);
    await rejects({ ...respond(sent), userName: sent.id }, /not of the one-time/);
  });

  test('with a response to something else', async () => {
    const response = respond(await newcomer());
    await rejects({ ...response, data: response.data.replace('cnonce', 'other') }, /not of/);
  });

  test('with an expired or revoked password', async () => {
    await rejects(respond(await newcomer({ lifetime: -1 })), /no usable/);
    const revoked = await newcomer();
    await stores.oneTimePasswords.revoke(revoked.id, 'test', new Date());
    await rejects(respond(revoked), /no usable/);
  });

  test('on the path of another group', async () => {
    await rejects(respond(await newcomer(), { group: 'globex' }), /not in the group globex/);
  });

  test('with a password made when its group did not offer Digest; the log says so', async () => {
    await rejects(respond(await newcomer({ digest: false })), /did not offer Digest/);
  });

  test('when the device is blocked', async () => {
    const sent = await newcomer();
    await stores.devices.setStatus(sent.device, 'blocked', 'test', new Date());
    const caller = await authenticator.identify(respond(sent));
    assert.throws(() => authorize({ operation: 'consult', caller, called: undefined }), {
      code: 'device-blocked',
    });
  });

  test('after too many failures, which are counted as for Basic', async () => {
    const sent = await newcomer();
    const wrong = { ...sent, password: makeOneTimePassword() };
    const source = 'guesser';
    for (let i = 0; i < 5; i++) await rejects(respond(wrong, { source }), /not of/);
    await assert.rejects(authenticator.identify(respond(sent, { source })), {
      code: 'too-many-failures',
    });
    await authenticator.identify(respond(sent, { source: 'another source' }));
  });

  test('with a nonce that was used, by its count; a new count is good', async () => {
    const response = respond(await newcomer());
    await authenticator.identify(response);
    await assert.rejects(authenticator.identify(response), StaleNonce);
    const { nonce, expiresAt } = response.nonceUse;
    await authenticator.identify({ ...response, nonceUse: { nonce, count: 2, expiresAt } });
  });

  test('a wrong response uses up no nonce', async () => {
    const response = respond(await newcomer());
    await rejects({ ...response, response: Buffer.alloc(32) }, /not of/);
    await authenticator.identify(response);
  });

  test('without a user name, once too many passwords could be meant', async () => {
    const sent = await newcomer();
    for (let i = 0; i < 16; i++) await newcomer({ device: sent.device });
    await rejects(respond(sent, { userName: '' }), /More than 16 .* could be meant/);
    await authenticator.identify(respond(sent, { userName: sent.id }));
  });
});

test('it takes as long for an unknown device as for a wrong password', async () => {
  const known = { ...(await newcomer()), password: makeOneTimePassword() };
  const kinds = { known: respond(known), unknown: respond({ ...known, device: 'nobody' }) };
  // Only the verification: the store, which waits for a disk in both cases, would drown it.
  const candidates = await stores.oneTimePasswords.findDigestCandidates(
    { ...kinds.known, at: new Date() },
    10,
  );
  const none = { kind: 'candidates', candidates: [] } as const;
  const store = {
    ...stores.oneTimePasswords,
    findDigestCandidates: async ({ userName }: { userName: string }) =>
      userName === known.device ? candidates : none,
    recordFailure: async () => undefined,
  };
  const timed = new DigestAuthenticator(store, stores.digestNonces, pepper);
  const took: Record<keyof typeof kinds, number[]> = { known: [], unknown: [] };
  for (let round = 0; round < 600; round++)
    for (const kind of ['known', 'unknown'] as const) {
      const started = performance.now();
      await timed.identify(kinds[kind]).catch(() => undefined);
      took[kind].push(performance.now() - started);
    }
  const median = (samples: number[]) => samples.sort((a, b) => a - b)[300] ?? Number.NaN;
  const [ofKnown, ofUnknown] = [median(took.known), median(took.unknown)];
  assert.ok(ofUnknown > ofKnown * 0.7 && ofUnknown < ofKnown * 1.4, `${ofKnown} ${ofUnknown}`);
  // And it is no slow call on a worker's event loop.
  assert.ok(ofKnown < 1, `${ofKnown} ms`);
});
