/** Deliveries to a real receiver, from real stores, at times that the test says. */

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { pino } from 'pino';
import { WebhookSecrets } from '../../enrollment/events/webhook-secret.ts';
import type { NewWebhook } from '../../enrollment/events/webhooks.ts';
import type { OpenStores } from '../../storage/stores.ts';
import { openFreshStores } from '../../test/support/fresh-stores.ts';
import {
  accepted,
  answering,
  verify,
  WebhookReceiver,
} from '../../test/support/webhook-receiver.ts';
import { Deliverer } from './deliverer.ts';
import { HttpReceiver } from './http-receiver.ts';
import { mostAttempts, nextAttempt, restAfter } from './retry-schedule.ts';
import { WebhookClient } from './webhook-client.ts';

const logger = pino({ enabled: false });
const secrets = new WebhookSecrets(Buffer.alloc(32, 7));
let stores: OpenStores;
let receiver: WebhookReceiver;
let clock = new Date();
let counter = 0;

before(async () => {
  stores = await openFreshStores();
  receiver = await WebhookReceiver.start();
});
after(async () => {
  receiver.close();
  await stores.close();
});
afterEach(async () => {
  receiver.received.length = 0;
  receiver.answer = accepted;
  for (const { id } of await stores.webhooks.list())
    await stores.webhooks.remove(id, 'test', clock);
});

const pass = (seconds: number) => {
  clock = new Date(clock.getTime() + seconds * 1000);
};

function makeDeliverer(): Deliverer {
  const { authorities } = receiver;
  const { webhooks, deliveries, events } = stores;
  const allowed = { allowNetworks: ['127.0.0.0/8'], allowHttp: false };
  const client = new WebhookClient({ ...allowed, authorities });
  return new Deliverer({
    ...{ webhooks, deliveries, events, secrets, logger },
    receivers: { open: (url, timeout) => new HttpReceiver(client, url, timeout) },
    source: 'https://est.example/',
    timeout: 2000,
    keepSeconds: 30 * 86_400,
    clock: () => clock,
    random: () => 0.5,
  });
}

async function subscribe(changes: Partial<NewWebhook> = {}) {
  const id = `wh-${++counter}`;
  const webhook = { id, url: receiver.url(), purpose: 'events', types: ['*'], ...changes } as const;
  const { text, sealed } = secrets.make(id, clock);
  await stores.webhooks.add(webhook, sealed, 'test');
  return { id, secret: text };
}

/** One event: a device that is blocked. */
async function happen(tenant = 'acme'): Promise<string> {
  const device = `device-${++counter}`;
  await stores.devices.add({ id: device, tenant, names: [] }, 'test', clock);
  await stores.devices.setStatus(device, 'blocked', 'test', clock);
  return device;
}

describe('an event that is delivered', () => {
  test('is a CloudEvent in the form of Standard Webhooks', async () => {
    const { secret } = await subscribe();
    const device = await happen();
    await makeDeliverer().round();
    const [message, ...others] = receiver.received;
    assert.deepEqual(others, []);
    assert.ok(message);
    assert.equal(verify(message, secret), 1);
    assert.equal(verify(message, `whsec_${Buffer.alloc(32).toString('base64')}`), 0);
    assert.equal(verify({ ...message, body: `${message.body} ` }, secret), 0);
    const { headers, event } = message;
    assert.equal(headers['content-type'], 'application/cloudevents+json; charset=utf-8');
    assert.equal(headers['webhook-id'], event.id);
    assert.equal(headers['webhook-timestamp'], String(Math.floor(clock.getTime() / 1000)));
    assert.partialDeepStrictEqual(event, {
      specversion: '1.0',
      source: 'https://est.example/',
      type: 'bestow.device.blocked',
      subject: device,
      time: clock.toISOString(),
      datacontenttype: 'application/json',
      tenant: 'acme',
      data: { device: { id: device, tenant: 'acme', status: 'blocked' } },
    });
    assert.match(event.sequence, /^\d+$/);
    // CloudEvents 1.0: names of attributes are of small letters and digits.
    for (const name of Object.keys(event)) assert.match(name, /^[a-z0-9]+$/);
  });

  test('is not delivered again', async () => {
    await subscribe();
    await happen();
    await makeDeliverer().round();
    await makeDeliverer().round();
    assert.equal(receiver.received.length, 1);
  });

  test('comes in its order, by one of several that deliver', async () => {
    await subscribe();
    const devices: string[] = [];
    for (let i = 0; i < 20; i += 1) devices.push(await happen());
    await Promise.all(Array.from({ length: 4 }, () => makeDeliverer().round()));
    assert.deepEqual(
      receiver.received.map(({ event }) => event.subject),
      devices,
    );
  });

  test('is signed with both secrets while they take turns', async () => {
    const { id, secret: old } = await subscribe();
    const { text: young, sealed } = secrets.make(id, clock);
    const oldEnd = new Date(clock.getTime() + 3_600_000);
    await stores.webhooks.rotate(id, sealed, { oldEnd, by: 'test' });
    await happen();
    await makeDeliverer().round();
    pass(3600);
    await happen();
    await makeDeliverer().round();
    assert.deepEqual(
      receiver.received.map((each) => [verify(each, old), verify(each, young)]),
      [
        [1, 1],
        [0, 1],
      ],
    );
  });
});

describe('a receiver that fails', () => {
  test('is tried again later, with the same id and a new time, and given up in the end', async () => {
    const { id, secret } = await subscribe();
    receiver.answer = answering(500);
    await happen();
    const deliverer = makeDeliverer();
    const pauses: number[] = [];
    for (let attempt = 1; attempt <= mostAttempts; attempt += 1) {
      await deliverer.round();
      assert.equal(receiver.received.length, attempt);
      const [{ nextAttemptAt } = {}] = await stores.webhooks.deliveries(id, { limit: 1 });
      if (!nextAttemptAt) break;
      const pause = (nextAttemptAt.getTime() - clock.getTime()) / 1000;
      pauses.push(pause);
      pass(pause - 1);
      await deliverer.round();
      assert.equal(receiver.received.length, attempt, 'not before its time');
      pass(1);
      // Whoever rested because of it has rested by then, but for the first seconds.
      pass(60);
    }
    assert.deepEqual(pauses, [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]);
    const { dead, pending } = await stores.webhooks.counts(id);
    assert.deepEqual([dead, pending], [1, 0]);
    assert.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size, 1);
    const times = receiver.received.map(({ headers }) => headers['webhook-timestamp']);
    assert.equal(new Set(times).size, mostAttempts);
    assert.ok(receiver.received.every((each) => verify(each, secret) === 1));
    pass(2 * 86_400);
    await deliverer.round();
    assert.equal(receiver.received.length, mostAttempts);

    receiver.answer = accepted;
    assert.equal(await stores.webhooks.replay(id, { dead: true }, 'test', clock), 1);
    await deliverer.round();
    assert.equal((await stores.webhooks.counts(id)).delivered, 1);
  });

  test('is not asked for each event that waits, and gets them all when it is back', async () => {
    await subscribe();
    receiver.answer = answering(503);
    const devices = [await happen(), await happen(), await happen()];
    const deliverer = makeDeliverer();
    await deliverer.round();
    await deliverer.round();
    assert.equal(receiver.received.length, 1, 'it rests');
    receiver.answer = accepted;
    pass(6);
    await deliverer.round();
    const got = new Set(receiver.received.slice(1).map(({ event }) => event.subject));
    assert.deepEqual([...got].sort(), devices.sort());
  });

  test('with one event does not keep the others from it', async () => {
    await subscribe();
    const poison = await happen();
    receiver.answer = (received, response) =>
      answering(received.event.subject === poison ? 400 : 200)(received, response);
    const deliverer = makeDeliverer();
    await deliverer.round();
    const device = await happen();
    pass(1.1);
    await deliverer.round();
    assert.deepEqual(
      receiver.received.map(({ event }) => event.subject),
      [poison, device],
    );
  });

  test('stands in no other’s way', async () => {
    const slow = await subscribe({ url: receiver.url('/slow') });
    await subscribe({ url: receiver.url('/fast') });
    receiver.answer = (received, response) => {
      if (received.path !== '/slow') accepted(received, response);
    };
    await happen();
    await makeDeliverer().round();
    assert.equal(receiver.received.filter(({ path }) => path === '/fast').length, 1);
    const [delivery] = await stores.webhooks.deliveries(slow.id, { limit: 1 });
    assert.match(delivery?.problem ?? '', /no answer within/);
  });

  test('and says that it is gone for good is disabled', async () => {
    const { id } = await subscribe();
    receiver.answer = answering(410);
    await happen();
    await makeDeliverer().round();
    const found = await stores.webhooks.find(id, clock);
    assert.equal(found?.webhook.state, 'disabled');
    assert.match(found?.webhook.reason ?? '', /410/);
  });

  test('or leads elsewhere is no receiver', async () => {
    const { id } = await subscribe();
    receiver.answer = answering(302, '', { Location: receiver.url('/other') });
    await happen();
    await makeDeliverer().round();
    const [delivery] = await stores.webhooks.deliveries(id, { limit: 1 });
    assert.equal(delivery?.state, 'pending');
    assert.equal(delivery?.status, 302);
    assert.equal(receiver.received.length, 1);
  });
});

test('what is old is forgotten', async () => {
  await subscribe();
  await happen();
  assert.notEqual((await stores.events.list({ limit: 1 })).length, 0);
  pass(31 * 86_400);
  const deliverer = makeDeliverer();
  await deliverer.round();
  await deliverer.round();
  assert.deepEqual(await stores.events.list({ limit: 1 }), []);
});

test('the schedule spreads what failed together, and ends', () => {
  const now = new Date(0);
  const seconds = (attempts: number, random: number) =>
    (nextAttempt(attempts, now, () => random)?.getTime() ?? Number.NaN) / 1000;
  assert.deepEqual([seconds(2, 0), seconds(2, 0.5), seconds(2, 1)], [240, 300, 360]);
  assert.equal(nextAttempt(mostAttempts, now), undefined);
  assert.deepEqual([1, 2, 7, 1000].map(restAfter), [1000, 2000, 60_000, 60_000]);
});
