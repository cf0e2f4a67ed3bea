/** An answer counts whole or not at all. */

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Unavailable } from '../../ca/unavailable.ts';
import { WebhookSecrets } from '../../enrollment/events/webhook-secret.ts';
import type { KnownWebhook } from '../../enrollment/events/webhooks.ts';
import { answering, verify, WebhookReceiver } from '../../test/support/webhook-receiver.ts';
import { EndpointWebhook } from './endpoint-webhook.ts';
import { WebhookClient } from './webhook-client.ts';

const secrets = new WebhookSecrets(Buffer.alloc(32, 7));
const id = 'inventory';
const { text: secret, sealed } = secrets.make(id, new Date());
let receiver: WebhookReceiver;
let known: KnownWebhook;
let webhooks: EndpointWebhook;
const reported: string[] = [];

before(async () => {
  receiver = await WebhookReceiver.start();
});
after(() => receiver.close());
beforeEach(() => {
  receiver.received.length = 0;
  reported.length = 0;
  knownAs({});
  const { authorities } = receiver;
  webhooks = new EndpointWebhook({
    webhooks: { find: async (asked) => (asked === id ? known : undefined) },
    client: new WebhookClient({ allowNetworks: ['127.0.0.0/8'], allowHttp: false, authorities }),
    secrets,
    source: 'https://est.example/',
    timeout: 300,
    report: ({ webhook, device, why }) => reported.push(`${webhook} ${device}: ${why}`),
  });
});

function knownAs(changes: Partial<KnownWebhook['webhook']>): void {
  const base = { id, url: receiver.url(), types: [], createdAt: new Date() };
  const webhook = { ...base, purpose: 'allocation', state: 'active', ...changes } as const;
  known = { webhook, secrets: [sealed] };
}

const question = {
  webhook: id,
  device: 'pump-7',
  group: 'pumps',
  tenant: 'acme',
  context: { site: 'Hall 7' },
  region: 'eu',
  profile: 'device',
  source: '192.0.2.1',
  requestId: 'request-1',
};
const ask = () => webhooks.ask(question);
const json = (value: unknown) => answering(200, JSON.stringify(value));
const good = ['mqtts://one.example', 'wss://two.example/path'];

test('endpoints: the question is signed and says who asks', async () => {
  receiver.answer = json({ endpoints: good });
  assert.deepEqual(await ask(), { endpoints: good });
  const [message] = receiver.received;
  assert.ok(message);
  assert.equal(verify(message, secret), 1);
  const { webhook: _, ...data } = question;
  assert.partialDeepStrictEqual(message.event, {
    type: 'bestow.allocation.requested',
    subject: 'pump-7',
    tenant: 'acme',
    data,
  });
  assert.deepEqual(reported, []);
});

test('sixteen long endpoints are read', async () => {
  const endpoints = Array.from({ length: 16 }, (_, i) => `mqtts://${i}.example/${'x'.repeat(490)}`);
  receiver.answer = json({ endpoints });
  assert.deepEqual(await ask(), { endpoints });
});

test('a denial', async () => {
  receiver.answer = json({ decision: 'deny', reason: 'no\u001b[2Jt yet' });
  assert.deepEqual(await ask(), { decision: 'deny', reason: 'no [2Jt yet' });
});

for (const [what, answer, why] of [
  ['no endpoint', json({ endpoints: [] }), /at least one/],
  [
    'seventeen',
    json({ endpoints: good.concat(Array.from({ length: 15 }, (_, i) => `a://${i}`)) }),
    /at most 16/,
  ],
  ['one twice', json({ endpoints: [good[0], good[0]] }), /stands twice/],
  [
    'one with a password',
    json({ endpoints: ['mqtts://u:p@one.example'] }),
    /no user name or password/,
  ],
  ['a relative one', json({ endpoints: ['one.example'] }), /is not an endpoint/],
  ['a script', json({ endpoints: ['javascript://x'] }), /is not an endpoint/],
  ['a good one and a bad one', json({ endpoints: [...good, 'x y'] }), /is not an endpoint/],
  ['a number', json({ endpoints: [1] }), /neither endpoints nor a denial/],
  ['a text', json({ endpoints: good[0] }), /neither endpoints nor a denial/],
  ['both', json({ endpoints: good, decision: 'deny' }), /neither endpoints nor a denial/],
  ['another word', json({ endpoints: good, decision: 'allow' }), /neither endpoints nor a denial/],
  ['nothing', json(null), /neither endpoints nor a denial/],
  ['another status', answering(201, JSON.stringify({ endpoints: good })), /was 201/],
  ['silence', () => {}, /no answer within 300 ms/],
] as const)
  test(`${what}: no answer`, async () => {
    receiver.answer = answer;
    await assert.rejects(ask(), (error) => {
      assert.ok(error instanceof Unavailable, String(error));
      assert.match(error.message, why);
      return true;
    });
    assert.match(reported.join(), why);
  });

test('one for something else, of another tenant, or disabled is not asked', async () => {
  receiver.answer = json({ endpoints: good });
  for (const changes of [
    { purpose: 'authorization' },
    { purpose: 'events' },
    { state: 'disabled' },
    { tenant: 'globex' },
  ] as const) {
    knownAs(changes);
    await assert.rejects(ask(), /no such webhook for allocation/);
  }
  assert.deepEqual(receiver.received, []);
});

test('after some failures nobody waits for it', async () => {
  receiver.answer = answering(500);
  for (let i = 0; i < 5; i += 1) await assert.rejects(ask(), /was 500/);
  await assert.rejects(ask(), /last questions were not answered/);
  assert.equal(receiver.received.length, 5);
});
