/**
 * The order of writes around a signature, over the real SQLite ledger.
 */

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { OpenStores } from '../storage/stores.ts';
import { openFreshStores } from '../test/support/fresh-stores.ts';
import { memoryLedger } from '../test/support/memory-ledger.ts';
import {
  makePlan,
  makePublicKey,
  makeSoftwareCa,
  type SoftwareCa,
} from '../test/support/software-ca.ts';
import { SoftwareSigner } from '../test/support/software-signer.ts';
import { readCertificate } from './certificate.ts';
import { CertificateAuthority, type CertificateAuthorityParts } from './certificate-authority.ts';
import type { CertificatePlan, Credential } from './certificate-plan.ts';
import { encodeSubject } from './distinguished-name.ts';
import type { IssuanceLedger } from './issuance-ledger.ts';

let ca: SoftwareCa;
let stores: OpenStores;
let ledger: IssuanceLedger;
/** What happened, in order. */
let events: string[];
let counter = 0;

before(async () => {
  ca = await makeSoftwareCa();
  stores = await openFreshStores();
});
after(() => stores.close());
beforeEach(() => {
  events = [];
  ca.signer.available = true;
  ca.signer.reachable = true;
  ca.signer.distort = (signature) => signature;
  ca.signer.onSign = () => events.push('sign');
  ledger = {
    ...bound(stores.ledger),
    recordIntent: (intent) => {
      events.push('record intent');
      return stores.ledger.recordIntent(intent);
    },
    recordCertificate: (...args) => {
      events.push('record certificate');
      return stores.ledger.recordCertificate(...args);
    },
  };
});

function bound(it: IssuanceLedger): IssuanceLedger {
  return {
    recordIntent: (intent) => it.recordIntent(intent),
    objectionTo: (foreseen) => it.objectionTo(foreseen),
    repetitionOf: (foreseen) => it.repetitionOf(foreseen),
    recordCertificate: (...args) => it.recordCertificate(...args),
    renewalOf: (...args) => it.renewalOf(...args),
    find: (...args) => it.find(...args),
    list: (filter) => it.list(filter),
    revoke: (...args) => it.revoke(...args),
    revokeAll: (...args) => it.revokeAll(...args),
    release: (...args) => it.release(...args),
    supersede: (...args) => it.supersede(...args),
    liveCertificates: (...args) => it.liveCertificates(...args),
    latestEntry: () => it.latestEntry(),
    acceptClock: (...args) => it.acceptClock(...args),
  };
}

function authority(changes: Partial<CertificateAuthorityParts> = {}): CertificateAuthority {
  const { issuing: issuer, signer } = ca;
  return new CertificateAuthority({ issuer, signer, ledger, serialPrefix: 7, ...changes });
}

/** A plan for a fresh device that came with a fresh one-time password. */
async function freshPlan(changes: Partial<CertificatePlan> = {}): Promise<CertificatePlan> {
  const subscriber = `device-${++counter}`;
  await stores.devices.add({ id: subscriber, tenant: 'acme', names: [] }, 'test', new Date());
  return makePlan({ subscriber, credential: await passwordFor(subscriber), ...changes });
}

async function passwordFor(device: string): Promise<Credential> {
  const id = `otp-${++counter}`;
  const createdAt = new Date();
  const expiresAt = new Date(createdAt.getTime() + 3_600_000);
  await stores.oneTimePasswords.create({
    id,
    device,
    passwordHash: id,
    createdAt,
    expiresAt,
    by: 'test',
  });
  return { kind: 'one-time-password', id };
}

const recordsOf = (plan: CertificatePlan) =>
  stores.ledger.list({ subscriber: plan.subscriber ?? '', limit: 10 });

describe('a certificate is on record before it exists and before it is released', () => {
  test('intent, signature, certificate, in this order', async () => {
    const plan = await freshPlan();
    const sign = ca.signer.sign.bind(ca.signer);
    const signer: SoftwareSigner = Object.assign(Object.create(ca.signer), {
      sign: async (toBeSigned: Uint8Array) => {
        const [record] = await recordsOf(plan);
        assert.ok(record && Buffer.from(record.toBeSigned).equals(toBeSigned));
        assert.equal(record.certificate, undefined);
        return sign(toBeSigned);
      },
    });
    const issued = await authority({ signer }).issue(plan);
    assert.deepEqual(events, ['record intent', 'sign', 'record certificate']);
    const [record, ...more] = await recordsOf(plan);
    assert.equal(more.length, 0);
    assert.deepEqual(Buffer.from(record?.certificate ?? []), Buffer.from(issued.certificate));
    assert.equal(record?.serialNumber, issued.serialNumber);
    assert.equal(readCertificate(issued.certificate).serialNumber, issued.serialNumber);
    assert.match(issued.serialNumber, /^07/);
    assert.equal(issued.repeated, false);
  });

  test('when the intent cannot be stored, nothing is signed', async () => {
    const broken = { ...ledger, recordIntent: () => Promise.reject(new Error('disk full')) };
    await assert.rejects(authority({ ledger: broken }).issue(await freshPlan()), /disk full/);
    assert.deepEqual(events, []);
  });

  test('when the certificate cannot be stored, it is not released; a repeat finishes it', async () => {
    const plan = await freshPlan();
    const broken = { ...ledger, recordCertificate: () => Promise.reject(new Error('disk full')) };
    await assert.rejects(authority({ ledger: broken }).issue(plan), /disk full/);
    const [orphan] = await recordsOf(plan);
    assert.equal(orphan?.certificate, undefined);
    const { serialNumber, repeated } = await authority().issue(plan);
    assert.deepEqual([serialNumber, repeated], [orphan?.serialNumber, true]);
  });

  test('a wrong signature leaves the intent and releases nothing', async () => {
    const plan = await freshPlan();
    ca.signer.distort = (signature) => signature.fill(1, 8, 12);
    await assert.rejects(authority().issue(plan), { name: 'SignatureFault' });
    assert.deepEqual(events, ['record intent', 'sign']);
    const [record] = await recordsOf(plan);
    assert.ok(record && record.certificate === undefined);
  });
});

describe('a request that comes again', () => {
  test('with the same credential, key and names gets the same octets', async () => {
    const plan = await freshPlan();
    const first = await authority().issue(plan);
    const second = await authority().issue({ ...plan, requestId: 'request-2' });
    assert.deepEqual(Buffer.from(second.certificate), Buffer.from(first.certificate));
    assert.deepEqual(
      [second.serialNumber, second.notAfter, second.repeated],
      [first.serialNumber, first.notAfter, true],
    );
    assert.equal(events.filter((event) => event === 'sign').length, 1);
  });

  const changes: Record<string, () => Partial<CertificatePlan>> = {
    'another key': () => ({ publicKey: makePublicKey() }),
    'another alternative name': () => ({ subjectAltNames: ['DNS:a.example'] }),
    'another subject': () => ({
      subject: encodeSubject({ commonName: 'device-1', serialNumber: '1' }),
    }),
  };
  for (const [what, change] of Object.entries(changes))
    test(`with ${what} is refused, and nothing is signed`, async () => {
      const plan = await freshPlan();
      await authority().issue(plan);
      events = [];
      await assert.rejects(authority().issue({ ...plan, ...change() }), {
        name: 'Refusal',
        code: 'credential-spent',
      });
      assert.deepEqual(events, ['record intent']);
      assert.equal((await recordsOf(plan)).length, 1);
    });

  test('twenty at once get one certificate', async () => {
    const plan = await freshPlan();
    const issued = await Promise.all(Array.from({ length: 20 }, () => authority().issue(plan)));
    const octets = issued.map(({ certificate }) => Buffer.from(certificate).toString('hex'));
    assert.equal(new Set(octets).size, 1);
    assert.equal(issued.filter(({ repeated }) => !repeated).length, 1);
    assert.equal((await recordsOf(plan)).length, 1);
  });

  test('a key that is in another device’s certificate is refused', async () => {
    const plan = await freshPlan();
    await authority().issue(plan);
    const { publicKey } = plan;
    await assert.rejects(authority().issue(await freshPlan({ publicKey })), { code: 'key-in-use' });
  });

  test('a device that was blocked meanwhile is refused', async () => {
    const plan = await freshPlan();
    await stores.devices.setStatus(plan.subscriber ?? '', 'blocked', 'test', new Date());
    await assert.rejects(authority().issue(plan), { code: 'subscriber-inactive' });
  });
});

describe('a CA key out of reach', () => {
  test('when that is known, nothing is recorded or spent', async () => {
    const plan = await freshPlan();
    ca.signer.available = false;
    await assert.rejects(authority().issue(plan), { name: 'SignerUnavailable' });
    assert.deepEqual(events, []);
    ca.signer.available = true;
    assert.equal((await authority().issue(plan)).repeated, false);
  });

  test('when it shows at signing, the intent stays, and the same request finishes it', async () => {
    const plan = await freshPlan();
    ca.signer.reachable = false;
    await assert.rejects(authority().issue(plan), { name: 'SignerUnavailable' });
    const [intent] = await recordsOf(plan);
    assert.ok(intent && intent.certificate === undefined);

    ca.signer.reachable = true;
    const issued = await authority().issue(plan);
    assert.equal(issued.serialNumber, intent.serialNumber);
    assert.deepEqual(
      Buffer.from(readCertificate(issued.certificate).toBeSigned),
      Buffer.from(intent.toBeSigned),
    );
    assert.equal((await recordsOf(plan)).length, 1);
  });

  test('an intent that two finish at once becomes one certificate', async () => {
    const plan = await freshPlan();
    ca.signer.reachable = false;
    await assert.rejects(authority().issue(plan));
    ca.signer.reachable = true;
    const both = await Promise.all([authority().issue(plan), authority().issue(plan)]);
    assert.equal(events.filter((event) => event === 'sign').length, 2);
    const [one, other] = both.map(({ certificate }) => Buffer.from(certificate));
    assert.deepEqual(one, other);
  });

  test('an intent that was revoked meanwhile is never released', async () => {
    const plan = await freshPlan();
    const revoke = async () => {
      const [record] = await recordsOf(plan);
      const order = { reason: 'keyCompromise', at: new Date(), by: 'test' } as const;
      return authority().revoke(record?.serialNumber ?? '', order);
    };
    const sign = ca.signer.sign.bind(ca.signer);
    const signer: SoftwareSigner = Object.assign(Object.create(ca.signer), {
      sign: async (toBeSigned: Uint8Array) => {
        assert.ok((await revoke())?.revokedAt);
        return sign(toBeSigned);
      },
    });
    await assert.rejects(authority({ signer }).issue(plan), /revoked before/);
    assert.equal((await recordsOf(plan))[0]?.certificate, undefined);
  });
});

describe('what the ledger holds is checked against the request', () => {
  for (const [what, change] of [
    ['the serial number', { serialNumber: '0102' }],
    ['the octets to be signed', { toBeSigned: Buffer.from('3000', 'hex') }],
  ] as const)
    test(`a record that was changed in ${what} is not completed`, async () => {
      const memory = memoryLedger();
      const plan = makePlan({ credential: { kind: 'one-time-password', id: 'otp' } });
      ca.signer.reachable = false;
      await assert.rejects(authority({ ledger: memory }).issue(plan));
      ca.signer.reachable = true;
      for (const [key, record] of memory.records) memory.records.set(key, { ...record, ...change });
      await assert.rejects(authority({ ledger: memory }).issue(plan), {
        name: /^(CertificateMismatch|CertificateError)$/,
      });
      for (const { certificate } of memory.records.values()) assert.equal(certificate, undefined);
    });

  test('a record of another key is not completed', async () => {
    const memory = memoryLedger();
    const plan = makePlan({ credential: { kind: 'one-time-password', id: 'otp' } });
    ca.signer.reachable = false;
    await assert.rejects(authority({ ledger: memory }).issue(plan));
    ca.signer.reachable = true;
    const [record] = memory.records.values();
    assert.ok(record);
    const confused: IssuanceLedger = {
      ...memory,
      recordIntent: async () => ({ kind: 'repeated', record }),
    };
    const other = makePlan({ credential: plan.credential });
    await assert.rejects(authority({ ledger: confused }).issue(other), {
      name: 'CertificateMismatch',
      message: /public key/,
    });
  });

  test('a serial number that is taken is an error, and the first record stays', async () => {
    const plan = await freshPlan();
    const { serialNumber, certificate } = await authority().issue(plan);
    const clash: IssuanceLedger = {
      ...ledger,
      recordIntent: (intent) => stores.ledger.recordIntent({ ...intent, serialNumber }),
    };
    events = [];
    const second = await freshPlan();
    await assert.rejects(authority({ ledger: clash }).issue(second), /UNIQUE|constraint/i);
    assert.deepEqual(events, []);
    const record = await stores.ledger.find(ca.issuing.id, serialNumber);
    assert.equal(record?.subscriber, plan.subscriber);
    assert.deepEqual(Buffer.from(record?.certificate ?? []), Buffer.from(certificate));
    // The password of the second is not spent by what failed.
    assert.equal((await authority().issue(second)).repeated, false);
  });
});

describe('a clock that cannot be right', () => {
  const instants: Record<string, () => Date> = {
    'before the CA began': () => new Date(ca.issuing.notBefore.getTime() - 1),
    'at the end of the CA': () => ca.issuing.notAfter,
    'after the end of the CA': () => new Date(ca.issuing.notAfter.getTime() + 1000),
  };
  for (const [what, clock] of Object.entries(instants))
    test(what, async () => {
      const plan = await freshPlan();
      await assert.rejects(authority({ clock }).issue(plan), { name: 'OutsideCaValidity' });
      assert.deepEqual(events, []);
      assert.deepEqual(await recordsOf(plan), []);
    });
});

test('a signer of another key than the CA certificate’s is refused at once', () => {
  const signer = new SoftwareSigner('P-256');
  const parts = { issuer: ca.issuing, signer, ledger, serialPrefix: 1 };
  assert.throws(() => new CertificateAuthority(parts), /does not hold the key/);
});

test('a clock far behind the audit log issues nothing, and spends nothing', async () => {
  const plan = await freshPlan();
  const clock = () => new Date(Date.now() - 6 * 60_000);
  await assert.rejects(authority({ clock }).issue(plan), { name: 'ClockRefused' });
  assert.deepEqual(events, []);
  assert.deepEqual(await recordsOf(plan), []);
  assert.equal((await authority().issue(plan)).repeated, false);
});
