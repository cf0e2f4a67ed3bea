import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CertificateAuthority, type Issued } from '../ca/certificate-authority.ts';
import type { CertificatePlan } from '../ca/certificate-plan.ts';
import { parseCertificateRequest } from '../ca/certificate-request.ts';
import { encodeSubject } from '../ca/distinguished-name.ts';
import { Refusal } from '../ca/refusal.ts';
import { Unavailable } from '../ca/unavailable.ts';
import type { OpenStores } from '../storage/stores.ts';
import { authorizedOrder } from '../test/support/authorized-order.ts';
import { forgeRequest } from '../test/support/forged-request.ts';
import { openFreshStores } from '../test/support/fresh-stores.ts';
import { noAuthorization } from '../test/support/no-authorization.ts';
import { noEndpointWebhooks } from '../test/support/no-endpoint-webhooks.ts';
import { oneIssuer } from '../test/support/one-issuer.ts';
import { makePlan, makePublicKey, makeSoftwareCa } from '../test/support/software-ca.ts';
import { admit, type EnrollmentParts } from './admit.ts';
import { noRules } from './allocation/allocate.ts';
import { ApprovalPending, TooManyRequestsPending } from './approvals.ts';
import type { Authorization, AuthorizationQuestion } from './authorization.ts';
import { defaultSettings, type GroupSettings } from './group-settings.ts';
import type { EnrollmentOrder } from './policy.ts';

const hour = 3_600_000;
let stores: OpenStores;
let parts: EnrollmentParts;
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
    endpointWebhooks: noEndpointWebhooks,
    waiting: { retryAfter: 7, validity: 3600 },
  };
});
after(() => stores.close());

interface Asking {
  readonly order: EnrollmentOrder<'enroll'>;
  readonly plan: CertificatePlan;
}

/** A new device with a one-time password, and what was decided for it. */
async function newcomer(changes: Partial<GroupSettings> = {}): Promise<Asking> {
  const [id, credential] = [`device-${++counter}`, `otp-${counter}`];
  await stores.devices.add({ id, tenant: 'acme', names: [] }, 'test', new Date());
  const times = { createdAt: new Date(), expiresAt: new Date(Date.now() + hour) };
  const password = { id: credential, device: id, passwordHash: credential, ...times, by: 'test' };
  await stores.oneTimePasswords.create(password);
  const { device, tenant, group } = (await stores.devices.find(id)) ?? assert.fail();
  const settings = { ...defaultSettings, approval: true, ...changes };
  const plan = makePlan({
    subscriber: id,
    subject: encodeSubject({ commonName: id }),
    credential: { kind: 'one-time-password', id: credential },
  });
  const order = authorizedOrder('enroll', {
    request: await parseCertificateRequest(forgeRequest()),
    caller: { device, tenant, group: { ...group, settings }, credential: plan.credential },
    profile: plan.profile,
    linking: 'absent' as const,
    allocation: noRules,
    source: '192.0.2.1',
    requestId: `request-${counter}`,
  });
  return { order, plan };
}

const ask = ({ plan, order }: Asking, changes: Partial<CertificatePlan> = {}): Promise<Issued> =>
  admit({ ...plan, ...changes }, order, parts);

/** The id under which a request waits. */
async function waitsAs(asked: Promise<Issued>): Promise<string> {
  const error = await asked.then(
    () => assert.fail('It was issued.'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ApprovalPending, String(error));
  assert.equal(error.code, 'approval-pending');
  assert.equal(error.retryAfter, 7);
  assert.ok(error.message.includes(error.approval));
  return error.approval;
}

const decide = (id: string, approve = true, reason?: string) =>
  stores.approvals.decide(id, { approve, by: 'a', at: new Date(), ...(reason ? { reason } : {}) });
const issuedTo = ({ order }: Asking) =>
  stores.ledger.list({ subscriber: order.authorized.caller.device.id, limit: 100 });
const passwordOf = async ({ order }: Asking) =>
  (await stores.oneTimePasswords.list({ device: order.authorized.caller.device.id, limit: 9 }))[0]
    ?.state;

test('where nobody has to approve, nothing waits', async () => {
  const asking = await newcomer({ approval: false });
  await ask(asking);
  const filter = { at: new Date(), limit: 100 };
  assert.deepEqual(await stores.approvals.list(filter), []);
});

describe('a request that must be approved', () => {
  test('waits once, spends and records nothing, and is issued when it is asked again', async () => {
    const asking = await newcomer();
    const id = await waitsAs(ask(asking));
    assert.equal(await waitsAs(ask(asking)), id);
    // The same key, subject, names and profile; another connection, another moment.
    const again = { requestId: 'later', linking: 'verified' } as const;
    assert.equal(await waitsAs(ask(asking, again)), id);
    assert.deepEqual([await passwordOf(asking), (await issuedTo(asking)).length], ['unused', 0]);
    const approval = await stores.approvals.find(id);
    assert.equal(approval?.subject, `commonName=${asking.order.authorized.caller.device.id}`);
    await decide(id);
    const { serialNumber, repeated } = await ask(asking);
    assert.equal(repeated, false);
    assert.deepEqual([await passwordOf(asking), (await issuedTo(asking)).length], ['spent', 1]);
    const repetition = await ask(asking);
    assert.deepEqual([repetition.serialNumber, repetition.repeated], [serialNumber, true]);
  });

  test('is another one with another key, names, subject or profile', async () => {
    const asking = await newcomer();
    const id = await waitsAs(ask(asking));
    await decide(id);
    const others: Partial<CertificatePlan>[] = [
      { publicKey: makePublicKey() },
      { subjectAltNames: ['DNS:a.example'] },
      { subject: encodeSubject({}) },
      { profile: { ...asking.plan.profile, name: 'another' } },
    ];
    const ids = [id];
    for (const other of others) ids.push(await waitsAs(ask(asking, other)));
    assert.equal(new Set(ids).size, 5);
  });

  test('that is rejected is told so with the reason, and keeps its password', async () => {
    for (const reason of ['This pump was stolen.', undefined]) {
      const asking = await newcomer();
      const id = await waitsAs(ask(asking));
      await decide(id, false, reason);
      for (let i = 0; i < 2; i++)
        await assert.rejects(ask(asking), (error) => {
          assert.ok(error instanceof Refusal && error.code === 'approval-rejected');
          assert.equal(
            error.message,
            `The request ${id} was rejected${reason ? `: ${reason}` : '.'}`,
          );
          return true;
        });
      assert.equal(await passwordOf(asking), 'unused');
    }
  });

  test('is issued once, however many race with its approval', async () => {
    const asking = await newcomer();
    await decide(await waitsAs(ask(asking)));
    const issued = await Promise.all(Array.from({ length: 50 }, () => ask(asking)));
    assert.equal(new Set(issued.map(({ serialNumber }) => serialNumber)).size, 1);
    assert.equal(issued.filter(({ repeated }) => !repeated).length, 1);
    assert.equal((await issuedTo(asking)).length, 1);
  });

  test('begins anew when it has expired', async () => {
    const asking = await newcomer();
    const forgetful = { ...parts, waiting: { retryAfter: 7, validity: 0 } };
    const first = await waitsAs(admit(asking.plan, asking.order, forgetful));
    assert.notEqual(await waitsAs(ask(asking)), first);
    assert.equal((await decide(first)).kind, 'conflict');
  });

  test('that the credential does not serve for is refused for that, approved or not', async () => {
    const asking = await newcomer();
    await decide(await waitsAs(ask(asking)));
    await stores.oneTimePasswords.revoke(asking.plan.credential.id, 'test', new Date());
    await assert.rejects(ask(asking), { code: 'credential-spent' });
  });
});

describe('nobody is asked about what could not be issued', () => {
  const waiting = async ({ order }: Asking) =>
    (await stores.approvals.list({ state: 'pending', at: new Date(), limit: 1000 })).filter(
      ({ device }) => device === order.authorized.caller.device.id,
    );

  test('by a password that is spent on other names for the same key', async () => {
    const asking = await newcomer();
    await decide(await waitsAs(ask(asking)));
    await ask(asking);
    const others = { subjectAltNames: ['DNS:a.example'] };
    await assert.rejects(ask(asking, others), { code: 'credential-spent' });
    assert.deepEqual(await waiting(asking), []);
  });

  test('for a key that another device has', async () => {
    const [owner, asking] = [await newcomer({ approval: false }), await newcomer()];
    await ask(owner);
    const { publicKey } = owner.plan;
    await assert.rejects(ask(asking, { publicKey }), { code: 'key-in-use' });
    assert.deepEqual(await waiting(asking), []);
  });

  test('nor about an eleventh request of one device: it is told when to ask again', async () => {
    const asking = await newcomer();
    const first = await waitsAs(ask(asking));
    for (let i = 1; i < 10; i++) await waitsAs(ask(asking, { publicKey: makePublicKey() }));
    const eleventh = { publicKey: makePublicKey() };
    await assert.rejects(ask(asking, eleventh), (error) => {
      assert.ok(error instanceof TooManyRequestsPending, String(error));
      assert.deepEqual([error.code, error.retryAfter], ['too-many-requests-pending', 7]);
      assert.match(error.message, /^10 requests of device-\d+ wait for approval/);
      return true;
    });
    assert.equal((await waiting(asking)).length, 10);
    await decide(first);
    await waitsAs(ask(asking, eleventh));
  });
});

describe('an approval is for one certificate', () => {
  /** The device renews the same key with the certificate it got. */
  async function renewing(asking: Asking): Promise<Partial<CertificatePlan>> {
    await decide(await waitsAs(ask(asking)));
    const { serialNumber } = await ask(asking);
    return { credential: { kind: 'client-certificate', id: serialNumber } };
  }

  test('the renewal of the same key and names waits for its own', async () => {
    const asking = await newcomer();
    const renewal = await renewing(asking);
    const id = await waitsAs(ask(asking, renewal));
    assert.equal(await waitsAs(ask(asking, renewal)), id);
    assert.equal((await issuedTo(asking)).length, 1);
    await decide(id);
    const { repeated } = await ask(asking, renewal);
    assert.equal(repeated, false);
    assert.equal((await ask(asking, renewal)).repeated, true);
    assert.equal((await issuedTo(asking)).length, 2);
  });

  test('racing renewals wait as one, and are issued as one', async () => {
    const asking = await newcomer();
    const renewal = await renewing(asking);
    const race = () => Array.from({ length: 20 }, () => ask(asking, renewal));
    const ids = new Set(await Promise.all(race().map(waitsAs)));
    assert.equal(ids.size, 1);
    const [id = ''] = ids;
    await decide(id);
    const issued = await Promise.all(race());
    assert.equal(new Set(issued.map(({ serialNumber }) => serialNumber)).size, 1);
    assert.equal((await issuedTo(asking)).length, 2);
  });

  test('a renewal that is rejected leaves the certificate that is there', async () => {
    const asking = await newcomer();
    const renewal = await renewing(asking);
    await decide(await waitsAs(ask(asking, renewal)), false);
    await assert.rejects(ask(asking, renewal), { code: 'approval-rejected' });
    const [record] = await issuedTo(asking);
    assert.equal(record?.revokedAt, undefined);
  });
});

describe('who must authorise it', () => {
  /** @param settings beside the webhook */
  async function askWith(answer: Authorization['ask'], settings: { approval?: boolean } = {}) {
    const { approval = false } = settings;
    const asking = await newcomer({ approval, authorizationWebhook: 'inventory' });
    const authorization = { ask: answer };
    const asked = (changes: Partial<CertificatePlan> = {}) =>
      admit({ ...asking.plan, ...changes }, asking.order, { ...parts, authorization });
    return { asking, asked };
  }

  test('is asked for each certificate, and about the key and the names in it', async () => {
    const questions: AuthorizationQuestion[] = [];
    const { asking, asked } = await askWith(async (question) => {
      questions.push(question);
      return { decision: 'allow' };
    });
    const { repeated } = await asked();
    assert.equal(repeated, false);
    assert.equal((await asked()).repeated, true);
    assert.equal(questions.length, 2);
    const { request, source, requestId, authorized } = asking.order;
    const { caller } = authorized;
    assert.partialDeepStrictEqual(questions[0], {
      ...{ webhook: 'inventory', device: caller.device.id, tenant: 'acme', group: 'acme' },
      ...{ publicKeyDigest: request.publicKeyDigest, source, requestId },
      subject: `commonName=${caller.device.id}`,
    });
  });

  test('can deny it: then nothing is spent, and no person is asked', async () => {
    for (const approval of [false, true]) {
      const deny = async () => ({ decision: 'deny', reason: 'It was stolen.' }) as const;
      const { asking, asked } = await askWith(deny, { approval });
      await assert.rejects(asked(), { code: 'authorization-denied', message: /It was stolen\./ });
      assert.equal(await passwordOf(asking), 'unused');
      assert.deepEqual(await issuedTo(asking), []);
      const pending = await stores.approvals.list({ at: new Date(), limit: 1000 });
      assert.ok(pending.every(({ device }) => device !== asking.order.authorized.caller.device.id));
    }
  });

  test('may be out of reach: then nothing is issued or spent', async () => {
    const { asking, asked } = await askWith(() => Promise.reject(new Unavailable('away')));
    await assert.rejects(asked(), { name: 'Unavailable' });
    assert.equal(await passwordOf(asking), 'unused');
    assert.deepEqual(await issuedTo(asking), []);
  });

  test('is not asked about what could not be issued', async () => {
    const { asking, asked } = await askWith(() => assert.fail('asked'));
    await stores.devices.setStatus(
      asking.order.authorized.caller.device.id,
      'blocked',
      'test',
      new Date(),
    );
    await assert.rejects(asked(), { code: 'subscriber-inactive' });
  });
});
