import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { OpenStores } from '../storage/stores.ts';
import { openFreshStores } from '../test/support/fresh-stores.ts';
import { deviceIdOfKey, RequestKeyAuthenticator } from './by-request-key.ts';
import type { DeviceRole } from './device.ts';

let stores: OpenStores;
let authenticator: RequestKeyAuthenticator;
let counter = 0;
const freshKey = () => String(++counter).padStart(64, '0').split('').reverse().join('');

before(async () => {
  stores = await openFreshStores();
  const now = new Date();
  for (const [id, settings] of Object.entries({
    listed: { possession: 'none', trust: 'first-use' },
    made: { identity: 'generated', possession: 'bootstrap-credential' },
    second: { identity: 'generated', possession: 'bootstrap-credential' },
  } as const)) {
    await stores.tenants.add({ id, endpoints: [], label: id }, 'test', now);
    assert.equal((await stores.tenants.changeSettings(id, settings, 'test', now)).kind, 'changed');
  }
  authenticator = new RequestKeyAuthenticator(stores.devices, stores.tenants);
});
after(() => stores.close());

async function add(tenant: string, id = `pump-${++counter}`, role: DeviceRole = 'device') {
  const device = { id, tenant, names: [], role };
  assert.equal((await stores.devices.add(device, 'ann', new Date())).kind, 'added');
  return id;
}

async function identify(label: string, commonName: string | undefined, key = freshKey()) {
  const group = (await stores.tenants.groupOf(label)) ?? assert.fail();
  const from = { source: '192.0.2.1', requestId: 'r' };
  return authenticator.identify({ group, commonName, publicKeyDigest: key, ...from });
}

const mismatch = { name: 'Refusal', code: 'identity-mismatch' };

describe('where devices are expected', () => {
  test('the request names one of the group', async () => {
    const [id, key] = [await add('listed'), freshKey()];
    const caller = await identify('listed', id, key);
    assert.deepEqual([caller.device.id, caller.newcomer], [id, undefined]);
    assert.deepEqual(caller.credential, { kind: 'request-key', id: key });
  });

  test('and neither nobody, one of another group, nor a registration authority', async () => {
    const authority = await add('listed', 'ra-1', 'registration-authority');
    for (const name of [undefined, 'nobody', await add('acme'), authority])
      await assert.rejects(identify('listed', name), mismatch, name);
  });
});

describe('where devices are called by their key', () => {
  test('one that nobody has heard of is a newcomer of the group', async () => {
    const key = freshKey();
    const { device, tenant, group, newcomer } = await identify('made', undefined, key);
    assert.deepEqual(
      [device.id, device.tenant, tenant.id, group.label, newcomer],
      [deviceIdOfKey(key), 'made', 'made', 'made', true],
    );
    assert.equal(await stores.devices.find(device.id), undefined, 'and not on record');
  });

  test('one that is known in another group is refused', async () => {
    const key = freshKey();
    await add('second', deviceIdOfKey(key));
    assert.equal((await identify('second', undefined, key)).newcomer, undefined);
    await assert.rejects(identify('made', undefined, key), mismatch);
  });
});
