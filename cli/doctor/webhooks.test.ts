import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { WebhookPurpose } from '../../enrollment/events/webhooks.ts';
import { defaultSettings } from '../../enrollment/group-settings.ts';
import type { BrokerConfig, Config } from '../../server/config.ts';
import type { OpenStores } from '../../storage/stores.ts';
import { makeCorporateRoot } from '../../test/support/corporate-ca.ts';
import { openFreshStores } from '../../test/support/fresh-stores.ts';
import { checkWebhooks } from './webhooks.ts';

let stores: OpenStores;
const now = new Date();
before(async () => {
  stores = await openFreshStores();
});
after(() => stores.close());

const check = async (brokers: Readonly<Record<string, BrokerConfig>> = {}) => {
  const config = { events: { allowHttp: false, allowMqtt: false, brokers } } as unknown as Config;
  const findings = await checkWebhooks({ config, now, stores: async () => stores });
  return findings.map(({ severity, message }) => `${severity}: ${message}`);
};
const add = (id: string, purpose: WebhookPurpose, url = 'https://receiver.example/') =>
  stores.webhooks.add(
    { id, url, purpose, types: ['*'] },
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

test('one that the configuration leads nowhere, now or soon', async () => {
  const files = mkdtempSync(join(tmpdir(), 'bestow-doctor-test-'));
  try {
    const at = (name: string) => join(files, name);
    await add('broker', 'events', 'mqtts://broker.example/fleet');
    const told = async (broker: BrokerConfig) =>
      (await check({ 'broker.example:8883': broker })).filter((each) => each.includes(' broker '));
    assert.deepEqual(await told({}), []);
    const missing = { username: 'bestow', password: { env: 'BESTOW_TEST_NOT_SET' } };
    assert.match((await told(missing))[0] ?? '', /^warn: the webhook broker .*which is empty/);
    const { key, certificate } = makeCorporateRoot({ subject: '/CN=bestow', days: 20 });
    writeFileSync(at('key'), key, { mode: 0o600 });
    writeFileSync(at('certificate'), certificate);
    const shown = { certificate: at('certificate'), key: { file: at('key') } };
    assert.match((await told(shown))[0] ?? '', /certificate for the broker .* ends on/);
    await stores.webhooks.remove('broker', 'test', now);
    await add('broker', 'events', 'mqtt://broker.example/fleet');
    assert.match((await told({}))[0] ?? '', /events\.allowMqtt/);
  } finally {
    rmSync(files, { recursive: true, force: true });
  }
});
