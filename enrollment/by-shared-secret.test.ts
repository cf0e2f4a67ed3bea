import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { OpenStores } from '../storage/stores.ts';
import { openFreshStores } from '../test/support/fresh-stores.ts';
import { authorize } from './authorize.ts';
import { SharedSecretAuthenticator, type SharedSecretCredentials } from './by-shared-secret.ts';
import { CmcSecrets } from './cmc-secret.ts';
import { defaultSettings } from './group-settings.ts';
import { makeCredentialId, makeOneTimePassword } from './one-time-password.ts';

const pepper = Buffer.alloc(32, 1);
const hour = 3_600_000;
const secrets = new CmcSecrets(pepper);
let stores: OpenStores;
let authenticator: SharedSecretAuthenticator;
let counter = 0;

before(async () => {
  stores = await openFreshStores({ perCredentialAndSource: 3 });
  const settings = { ...defaultSettings, cmcSharedSecret: true };
  await stores.tenants.addGroup({ label: 'cmc', tenant: 'acme', settings }, 'test', new Date());
  authenticator = new SharedSecretAuthenticator(stores.oneTimePasswords, pepper);
});
after(() => stores.close());

interface Options {
  readonly device?: string;
  readonly group?: string;
  readonly sealed?: boolean;
  readonly lifetime?: number;
}

async function newcomer(options: Options = {}) {
  const { device = `device-${++counter}`, group = 'cmc', sealed = true, lifetime = hour } = options;
  const [id, password] = [makeCredentialId(), makeOneTimePassword()];
  await stores.devices.add({ id: device, tenant: 'acme', group, names: [] }, 'test', new Date());
  await stores.oneTimePasswords.create({
    id,
    device,
    passwordHash: `hash-${id}`,
    ...(sealed ? { cmcSecret: secrets.make(password, id) } : {}),
    createdAt: new Date(Date.now() - hour),
    expiresAt: new Date(Date.now() + lifetime),
    by: 'test',
  });
  return { id, device, password };
}

/** What a client sends that has the password. */
function prove(
  { device, password }: { device: string; password: string },
  changes: Partial<SharedSecretCredentials> = {},
): SharedSecretCredentials {
  return {
    userName: device,
    source: `source-${++counter}`,
    requestId: 'request-1',
    isProofOf: (candidate) => candidate === password,
    ...changes,
  };
}

function refuses(credentials: SharedSecretCredentials, reason: RegExp): Promise<void> {
  return assert.rejects(authenticator.identify(credentials), {
    code: 'unauthenticated',
    message: reason,
  });
}

test('by the name of the device or the id of the password, which is given back', async () => {
  const known = await newcomer();
  for (const userName of [known.device, known.id]) {
    const { caller, secret } = await authenticator.identify(prove(known, { userName }));
    assert.equal(caller.device.id, known.device);
    assert.deepEqual(caller.credential, { kind: 'one-time-password', id: known.id });
    assert.equal(secret, known.password);
  }
});

test('the right one of several passwords of a device', async () => {
  const first = await newcomer();
  const second = await newcomer({ device: first.device });
  for (const each of [first, second]) {
    const { caller } = await authenticator.identify(prove(each));
    assert.equal(caller.credential.id, each.id);
  }
});

test('a wrong proof, an unknown name, no name', async () => {
  const known = await newcomer();
  await refuses(prove(known, { isProofOf: () => false }), /is not of the one-time password otp-/);
  await refuses(prove(known, { userName: 'nobody' }), /no usable one-time password/);
  await refuses(prove(known, { userName: '' }), /no usable one-time password/);
});

test('whatever is tried in place of a missing secret proves nothing', async () => {
  const tried: string[] = [];
  const isProofOf = (password: string) => {
    tried.push(password);
    return true;
  };
  await refuses(prove({ device: 'nobody', password: '' }, { isProofOf }), /no usable/);
  const bare = await newcomer({ sealed: false });
  await refuses(prove(bare, { isProofOf }), /did not take passwords as shared secrets/);
  // As many candidates are tried as for a device that has some.
  assert.equal(tried.length, 8);
  assert.ok(!tried.includes(bare.password));
});

test('revoked, expired, of another group, or of a group that takes none any more', async () => {
  const revoked = await newcomer();
  await stores.oneTimePasswords.revoke(revoked.id, 'test', new Date());
  await refuses(prove(revoked), /no usable one-time password/);
  await refuses(prove(await newcomer({ lifetime: -1000 })), /no usable one-time password/);
  const known = await newcomer();
  await refuses(prove(known, { group: 'acme' }), /not in the group acme/);
  await authenticator.identify(prove(known, { group: 'cmc' }));
  await refuses(prove(await newcomer({ group: 'acme' })), /group acme does not take/);
});

test('a blocked device', async () => {
  const known = await newcomer();
  await stores.devices.setStatus(known.device, 'blocked', 'test', new Date());
  const { caller } = await authenticator.identify(prove(known));
  assert.throws(() => authorize({ operation: 'consult', caller, called: undefined }), {
    code: 'device-blocked',
  });
});

test('failures are counted, and a pause is a pause for the right proof too', async () => {
  const known = await newcomer();
  const from = { source: 'one-source' };
  for (let i = 0; i < 3; i++)
    await refuses(prove(known, { ...from, isProofOf: () => false }), /is not of/);
  await assert.rejects(authenticator.identify(prove(known, from)), { code: 'too-many-failures' });
  await authenticator.identify(prove(known, { source: 'another-source' }));
});

test('more passwords than are looked through', async () => {
  const first = await newcomer();
  for (let i = 0; i < 16; i++) await newcomer({ device: first.device });
  await refuses(prove(first), /must be the id of one/);
  await authenticator.identify(prove(first, { userName: first.id }));
});

test('a sealed password opens for its own row alone', () => {
  const sealed = secrets.make('correct horse', 'otp-1');
  assert.equal(secrets.open(sealed, 'otp-1'), 'correct horse');
  assert.ok(!sealed.includes('correct'));
  assert.throws(() => secrets.open(sealed, 'otp-2'));
  assert.throws(() => new CmcSecrets(Buffer.alloc(32, 2)).open(sealed, 'otp-1'));
});
