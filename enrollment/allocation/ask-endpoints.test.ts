/**
 * Endpoints that a webhook names stand in the certificate; where there was no answer nothing is spent; and what was issued
 * is repeated as it is, whatever the webhook says by then.
 */

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { readCertificate } from '../../ca/certificate.ts';
import { CertificateAuthority, type Issued } from '../../ca/certificate-authority.ts';
import { parseCertificateRequest } from '../../ca/certificate-request.ts';
import { encodeSubject } from '../../ca/distinguished-name.ts';
import { defaultEndpointArc, endpointsIn } from '../../ca/extensions/upstream-endpoints.ts';
import { Unavailable } from '../../ca/unavailable.ts';
import type { OpenStores } from '../../storage/stores.ts';
import { authorizedOrder } from '../../test/support/authorized-order.ts';
import { forgeRequest } from '../../test/support/forged-request.ts';
import { openFreshStores } from '../../test/support/fresh-stores.ts';
import { noAuthorization } from '../../test/support/no-authorization.ts';
import { oneIssuer } from '../../test/support/one-issuer.ts';
import { makePlan, makeSoftwareCa } from '../../test/support/software-ca.ts';
import { admit, type EnrollmentParts } from '../admit.ts';
import type { AuthorizationQuestion } from '../authorization.ts';
import { defaultSettings } from '../group-settings.ts';
import type { EnrollmentOrder } from '../policy.ts';
import { noRules, readyPolicy } from './allocate.ts';
import type { AllocationPolicy, OwnPlacement } from './allocation-policy.ts';
import type { EndpointAnswer, EndpointQuestion } from './webhook.ts';

let stores: OpenStores;
let parts: EnrollmentParts;
const asked: EndpointQuestion[] = [];
let answer: EndpointAnswer | Error;
let counter = 0;

before(async () => {
  stores = await openFreshStores();
  const { issuing: issuer, signer } = await makeSoftwareCa();
  const { ledger, approvals } = stores;
  const authority = new CertificateAuthority({ issuer, signer, ledger, serialPrefix: 1 });
  parts = {
    issuers: oneIssuer(authority, {}),
    approvals,
    stagingArea: stores.stagingArea,
    authorization: noAuthorization,
    endpointWebhooks: {
      ask: async (question) => {
        asked.push(question);
        if (answer instanceof Error) throw answer;
        return answer;
      },
    },
    waiting: { retryAfter: 7, validity: 3600 },
  };
});
after(() => stores.close());
beforeEach(() => {
  asked.length = 0;
  answer = { endpoints: ['mqtts://named.example'] };
});

interface Asking {
  readonly order: EnrollmentOrder<'enroll'>;
  readonly plan: ReturnType<typeof makePlan>;
}

async function newcomer(
  otherwise: 'refuse' | OwnPlacement = 'refuse',
  settings = {},
): Promise<Asking> {
  const [id, credential] = [`device-${++counter}`, `otp-${counter}`];
  await stores.devices.add({ id, tenant: 'acme', names: [] }, 'test', new Date());
  const times = { createdAt: new Date(), expiresAt: new Date(Date.now() + 3_600_000) };
  const password = { id: credential, device: id, passwordHash: credential, ...times, by: 'test' };
  await stores.oneTimePasswords.create(password);
  const { device, tenant, group } = (await stores.devices.find(id)) ?? assert.fail();
  const plan = makePlan({
    subscriber: id,
    subject: encodeSubject({ commonName: id }),
    credential: { kind: 'one-time-password', id: credential },
    endpoints: [],
  });
  const policy: AllocationPolicy = { allocate: 'webhook', webhook: 'inventory', otherwise };
  const order = authorizedOrder('enroll', {
    request: await parseCertificateRequest(forgeRequest()),
    caller: {
      ...{ device, tenant, credential: plan.credential },
      group: { ...group, settings: { ...defaultSettings, ...settings } },
    },
    profile: plan.profile,
    linking: 'absent',
    allocation: { ...noRules, policies: new Map([[group.label, readyPolicy(policy)]]) },
    source: '192.0.2.1',
    requestId: `request-${counter}`,
  } as const);
  return { order, plan };
}

const enroll = ({ plan, order }: Asking, changed = parts) => admit(plan, order, changed);
const says = ({ certificate }: Issued) =>
  endpointsIn(readCertificate(certificate), defaultEndpointArc);
const untouched = async ({ order }: Asking) => {
  const { id: device } = order.authorized.caller.device;
  const [password] = await stores.oneTimePasswords.list({ device, limit: 1 });
  assert.equal(password?.state, 'unused');
  assert.deepEqual(await stores.ledger.list({ subscriber: device, limit: 9 }), []);
};

test('what it names stands in the certificate and on record', async () => {
  const asking = await newcomer();
  const issued = await enroll(asking);
  assert.deepEqual(says(issued), ['mqtts://named.example']);
  const record = await stores.ledger.list({ subscriber: asking.plan.subscriber ?? '', limit: 1 });
  assert.deepEqual(record[0]?.endpoints, ['mqtts://named.example']);
  const { device, group, tenant } = asking.order.authorized.caller;
  assert.partialDeepStrictEqual(asked, [
    {
      ...{ webhook: 'inventory', device: device.id, group: group.label, tenant: tenant.id },
      ...{ context: { id: device.id }, subject: `commonName=${device.id}`, source: '192.0.2.1' },
      ...{ profile: asking.plan.profile.name, requestId: asking.order.requestId },
    },
  ]);
});

test('a denial is a refusal, and nothing is spent, whatever counts without an answer', async () => {
  answer = { decision: 'deny', reason: 'not yet' };
  for (const otherwise of ['refuse', { allocate: 'tenant' }] as const) {
    const asking = await newcomer(otherwise);
    await assert.rejects(enroll(asking), { code: 'allocation-denied', message: /not yet/ });
    await untouched(asking);
  }
});

test('without an answer: refused for now, or what the policy names', async () => {
  answer = new Unavailable('It is away.');
  const asking = await newcomer();
  await assert.rejects(enroll(asking), { message: 'It is away.' });
  await untouched(asking);
  const other = await newcomer({ allocate: 'fixed', endpoints: ['mqtts://spare.example'] });
  assert.deepEqual(says(await enroll(other)), ['mqtts://spare.example']);
});

test('a fault is not taken for silence', async () => {
  answer = new Error('a bug');
  const asking = await newcomer({ allocate: 'tenant' });
  await assert.rejects(enroll(asking), { message: 'a bug' });
  await untouched(asking);
});

test('a repeated request gets the same certificate, and nobody is asked', async () => {
  const asking = await newcomer();
  const first = await enroll(asking);
  for (const later of [
    { endpoints: ['mqtts://elsewhere.example'] },
    { decision: 'deny', reason: 'changed' } as const,
    new Unavailable('It is away.'),
  ]) {
    answer = later;
    const again = await enroll(asking);
    assert.deepEqual([again.serialNumber, again.repeated], [first.serialNumber, true]);
    assert.deepEqual(Buffer.from(again.certificate), Buffer.from(first.certificate));
  }
  assert.equal(asked.length, 1);
});

test('nobody is asked about what could not be issued', async () => {
  const asking = await newcomer();
  await stores.devices.setStatus(asking.plan.subscriber ?? '', 'blocked', 'test', new Date());
  await assert.rejects(enroll(asking), { code: 'subscriber-inactive' });
  assert.deepEqual(asked, []);
});

test('who must authorise the certificate is told the endpoints that were named', async () => {
  const questions: AuthorizationQuestion[] = [];
  const authorization = {
    ask: async (question: AuthorizationQuestion) => {
      questions.push(question);
      return { decision: 'allow' } as const;
    },
  };
  const asking = await newcomer('refuse', { authorizationWebhook: 'gate' });
  await enroll(asking, { ...parts, authorization });
  assert.deepEqual(questions[0]?.endpoints, ['mqtts://named.example']);
});
