import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { WebhookPurpose } from '../../enrollment/events/webhooks.ts';
import { defaultSettings } from '../../enrollment/group-settings.ts';
import type { Config } from '../../server/config.ts';
import type { OpenStores } from '../../storage/stores.ts';
import { openFreshStores } from '../../test/support/fresh-stores.ts';
import { checkWebhooks } from './webhooks.ts';

let stores: OpenStores;
const now = new Date();
before(async () => {
  stores = await openFreshStores();
});
after(() => stores.close());

const check = async () => {
  const findings = await checkWebhooks({ config: {} as Config, now, stores: async () => stores });
  return findings.map(({ severity, message }) => `${severity}: ${message}`);
};
const add = (id: string, purpose: WebhookPurpose) =>
  stores.webhooks.add(
    { id, url: 'https://receiver.example/', purpose, types: ['*'] },
    { id: `sec-${id}`, sealed: Uint8Array.of(1), createdAt: now },
    'test',
  );
const setState = (id: string, state: 'active' | 'disabled') =>
  stores.webhooks.setState(id, state, { by: 'test', at: now });

test('webhooks that do what they are for', async () => {
  await add('told', 'events');
  await add('asked', 'authorization');
  const settings = { ...defaultSettings, authorizationWebhook: 'asked' };
  await stores.tenants.addGroup({ label: 'asks', tenant: 'acme', settings }, 'test', now);
  assert.deepEqual(await check(), ['ok: 2 webhook(s) work']);
});

test('one that is disabled, dead letters, and a group whose webhook cannot be asked', async () => {
  await stores.devices.add({ id: 'pump', tenant: 'acme', names: [] }, 'test', now);
  await stores.devices.setStatus('pump', 'blocked', 'test', now);
  const turn = { webhook: 'told', by: 'test' };
  const until = new Date(now.getTime() + 1000);
  const begun = await stores.deliveries.begin({ ...turn, at: now, until, limit: 9 });
  const sequence = begun?.due[0]?.event.sequence ?? assert.fail();
  await stores.deliveries.finish(turn, [{ sequence, at: now, delivered: false }]);
  await setState('told', 'disabled');
  await setState('asked', 'disabled');
  const [disabled, dead, group] = await check();
  assert.match(disabled ?? '', /^info: the webhook told is disabled/);
  assert.match(dead ?? '', /^warn: 1 events for the webhook told were given up/);
  assert.match(group ?? '', /^critical: the group asks gets no certificates/);
});

test('a policy whose webhook cannot be asked', async () => {
  await add('inventory', 'allocation');
  const { webhooks, allocation } = stores;
  const policy = { allocate: 'webhook', webhook: 'inventory', otherwise: 'refuse' } as const;
  await allocation.setPolicy('acme', policy, 'test', now);
  const told = async () => (await check()).filter((each) => each.includes('inventory'));
  assert.deepEqual(await told(), []);
  await setState('inventory', 'disabled');
  assert.match((await told()).join(), /^critical: the group acme asks the webhook inventory where/);
  await webhooks.remove('inventory', 'test', now);
  assert.match((await told()).join(), /^critical: the group acme/);
});
