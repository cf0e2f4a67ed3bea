/** Only a clear yes is one. */

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Unavailable } from '../../ca/unavailable.ts';
import { WebhookSecrets } from '../../enrollment/events/webhook-secret.ts';
import type { KnownWebhook } from '../../enrollment/events/webhooks.ts';
import { answering, verify, WebhookReceiver } from '../../test/support/webhook-receiver.ts';
import { AuthorizationWebhook } from './authorization-webhook.ts';
import { WebhookClient } from './webhook-client.ts';

const secrets = new WebhookSecrets(Buffer.alloc(32, 7));
const id = 'inventory';
const { text: secret, sealed } = secrets.make(id, new Date());
let receiver: WebhookReceiver;
let known: KnownWebhook | undefined;
let clock = new Date();
let authorization: AuthorizationWebhook;

before(async () => {
  receiver = await WebhookReceiver.start();
});
after(() => receiver.close());

beforeEach(() => {
  receiver.received.length = 0;
  receiver.answer = answering(200, '{"decision":"allow"}');
  known = { webhook: webhookWith({}), secrets: [sealed] };
  authorization = asking(300);
});

function asking(timeout: number): AuthorizationWebhook {
  const { authorities } = receiver;
  return new AuthorizationWebhook({
    webhooks: { find: async (asked) => (asked === id ? known : undefined) },
    client: new WebhookClient({ allowNetworks: ['127.0.0.0/8'], allowHttp: false, authorities }),
    secrets,
    source: 'https://est.example/',
    timeout,
    clock: () => clock,
  });
}

function webhookWith(changes: Partial<KnownWebhook['webhook']>): KnownWebhook['webhook'] {
  const base = { id, url: receiver.url(), types: [], createdAt: new Date() };
  return { ...base, purpose: 'authorization', state: 'active', ...changes };
}

const question = {
  webhook: id,
  device: 'pump-7',
  group: 'pumps',
  tenant: 'acme',
  context: { site: 'Hall 7' },
  publicKeyDigest: 'ab12',
  subject: 'commonName=pump-7',
  names: ['DNS:pump-7.example'],
  endpoints: ['mqtts://one.example'],
  profile: 'device',
  source: '192.0.2.1',
  requestId: 'request-1',
};
const ask = (webhook = id) => authorization.ask({ ...question, webhook });
const unavailable = (reason: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Unavailable, String(error));
  assert.ok(error.retryAfter > 0);
  assert.match(error.message, reason);
  return true;
};

test('yes: the question is signed and says who asks for what', async () => {
  assert.deepEqual(await ask(), { decision: 'allow' });
  const [message] = receiver.received;
  assert.ok(message);
  assert.equal(verify(message, secret), 1);
  const { webhook, ...data } = question;
  assert.partialDeepStrictEqual(message.event, {
    type: 'bestow.authorization.requested',
    subject: 'pump-7',
    tenant: 'acme',
    data,
  });
  assert.equal(webhook, id);
});

test('no: the reason is bounded, and what would play tricks with a terminal is taken out', async () => {
  const reasons = [
    ['not in the inventory', 'not in the inventory'],
    ['a\u0000b\u001b[31m\r\nc\u202Ed', 'a b [31m  c d'],
    ['x'.repeat(1000), 'x'.repeat(200)],
    [42, 'no reason was given'],
    [undefined, 'no reason was given'],
    [' \n ', 'no reason was given'],
  ] as const;
  for (const [reason, expected] of reasons) {
    receiver.answer = answering(200, JSON.stringify({ decision: 'deny', reason }));
    assert.deepEqual(await ask(), { decision: 'deny', reason: expected });
  }
});

for (const [what, answer, reason] of [
  ['another status', answering(201, '{"decision":"allow"}'), /the answer was 201/],
  ['a failure', answering(500, '{"decision":"allow"}'), /the answer was 500/],
  ['a redirect', answering(307, '', { Location: '/' }), /the answer was 307/],
  ['nothing', answering(200), /no JSON/],
  ['garbage', answering(200, '<html>allow</html>'), /no JSON/],
  ['null', answering(200, 'null'), /neither allow nor deny/],
  ['true', answering(200, 'true'), /neither allow nor deny/],
  ['another word', answering(200, '{"decision":"ALLOW"}'), /neither allow nor deny/],
  ['a list', answering(200, '[{"decision":"allow"}]'), /neither allow nor deny/],
  ['too much', answering(200, `{"decision":"allow","x":"${'x'.repeat(5000)}"}`), /too long/],
  ['silence', () => {}, /no answer within 300 ms/],
] as const)
  test(`${what} is no yes`, async () => {
    receiver.answer = answer;
    await assert.rejects(ask(), unavailable(reason));
  });

test('a webhook that is not there, not for this, not for this tenant, or disabled is not asked', async () => {
  for (const changes of [
    { purpose: 'events' },
    { state: 'disabled' },
    { tenant: 'globex' },
  ] as const) {
    known = { webhook: webhookWith(changes), secrets: [sealed] };
    await assert.rejects(ask(), unavailable(/no such webhook/));
  }
  await assert.rejects(ask('other'), unavailable(/no such webhook/));
  assert.equal(receiver.received.length, 0);
  known = { webhook: webhookWith({ tenant: 'acme' }), secrets: [sealed] };
  assert.deepEqual(await ask(), { decision: 'allow' });
});

test('after some failures it is left in peace for a while, and others are asked meanwhile', async () => {
  receiver.answer = answering(500);
  for (let i = 0; i < 5; i += 1) await assert.rejects(ask(), unavailable(/was 500/));
  await assert.rejects(ask(), unavailable(/last questions were not answered/));
  assert.equal(receiver.received.length, 5);
  receiver.answer = answering(200, '{"decision":"allow"}');
  clock = new Date(clock.getTime() + 10_001);
  assert.deepEqual(await ask(), { decision: 'allow' });
  receiver.answer = answering(500);
  await assert.rejects(ask(), unavailable(/was 500/), 'counted anew');
});

test('few questions are under way at once, and who comes after many others is sent away', async () => {
  authorization = asking(10_000);
  const answers: (() => void)[] = [];
  let most = 0;
  receiver.answer = (_, response) => {
    answers.push(() => response.writeHead(200).end('{"decision":"deny"}'));
    most = Math.max(most, answers.length);
    if (answers.length === 16) for (const answer of answers.splice(0)) answer();
  };
  const asked = await Promise.allSettled(Array.from({ length: 100 }, () => ask()));
  assert.equal(most, 16);
  const answered = asked.filter(({ status }) => status === 'fulfilled');
  assert.equal(answered.length, 80);
});
