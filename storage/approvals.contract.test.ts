/**
 * What every implementation owes of requests that wait for a person, run over each engine there is.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import type { Intent, IntentOutcome } from '../ca/issuance-ledger.ts';
import type { ApprovalRequest, ApprovalState } from '../enrollment/approvals.ts';
import type { NewDevice } from '../enrollment/device-registry.ts';
import { databaseFile, engines } from '../test/support/storage-engines.ts';
import type { OpenStores } from './stores.ts';

const limits = { perCredentialAndSource: 9, perCredential: 9, perSource: 9, windowSeconds: 60 };
const now = new Date('2030-01-01T00:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
let counter = 0;
const fresh = (prefix: string) => `${prefix}-${++counter}`;

for (const [engine, open] of Object.entries(engines))
  describe(engine, () => {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-approvals-'));
    let stores: OpenStores;
    before(async () => {
      stores = await open(directory, limits);
      await stores.tenants.add({ id: 'acme', endpoints: [], label: 'acme' }, 'test', now);
    });
    after(async () => {
      await stores.close();
      rmSync(directory, { recursive: true, force: true });
    });

    const addDevice = async (changes: Partial<NewDevice> = {}) => {
      const id = fresh('device');
      await stores.devices.add({ id, tenant: 'acme', names: [], ...changes }, 'test', now);
      return id;
    };
    const addPassword = async (device: string) => {
      const id = fresh('otp');
      const times = { createdAt: now, expiresAt: later(1000) };
      const passwordHash = `hash-of-${id}`;
      await stores.oneTimePasswords.create({ id, device, passwordHash, ...times, by: 'test' });
      return id;
    };
    const requestOf = (device: string, changes: Partial<ApprovalRequest> = {}) => ({
      device,
      requestDigest: `request-of-${device}`,
      publicKeyDigest: `key-of-${device}`,
      subject: `commonName=${device}`,
      names: ['DNS:a.example', 'DNS:b.example'],
      profile: 'device',
      source: '192.0.2.1',
      requestId: fresh('http'),
      at: now,
      expiresAt: later(100),
      ...changes,
    });
    const seek = async (device: string, changes: Partial<ApprovalRequest> = {}, anew = false) => {
      const found = await stores.approvals.seek(requestOf(device, changes), anew);
      return found === 'too-many-pending' ? assert.fail(found) : found;
    };
    const decide = (id: string, approve: boolean, at = later(10), reason?: string) =>
      stores.approvals.decide(id, { approve, by: 'alice', at, ...(reason ? { reason } : {}) });
    const intentOf = (subscriber: string, changes: Partial<Intent> = {}): Intent => ({
      issuer: 'issuer',
      serialNumber: fresh('01'),
      toBeSigned: Uint8Array.of(0x30, 0),
      publicKeyDigest: `key-of-${subscriber}`,
      requestDigest: `request-of-${subscriber}`,
      profile: 'device',
      subscriber,
      credential: { kind: 'operator', id: 'test' },
      notBefore: now,
      notAfter: later(1000),
      requestId: fresh('http'),
      recordedAt: later(20),
      ...changes,
    });
    const codeOf = (outcome: IntentOutcome) =>
      outcome.kind === 'refused' ? outcome.code : outcome.kind;
    const stateOf = async (id: string) => (await stores.approvals.find(id))?.state;
    /** Entries of the audit log about one object, oldest first. */
    const auditOf = (object: string) => {
      using database = new DatabaseSync(join(directory, databaseFile), { readOnly: true });
      return database
        .prepare(
          'select actor, action, request_id, details from audit_log where object = ? order by id',
        )
        .all(object)
        .map(({ details, ...entry }) => ({ ...entry, details: JSON.parse(String(details)) }));
    };

    describe('a request that waits', () => {
      test('is stored once, however often it is asked', async () => {
        const device = await addDevice();
        const first = await seek(device);
        const { at, requestId, ...asked } = requestOf(device);
        assert.deepEqual(first, {
          ...asked,
          id: first.id,
          state: 'pending',
          firstSeen: at,
          lastSeen: at,
        });
        assert.match(first.id, /^req-[0-9a-f]{10}$/);
        const again = { at: later(5), source: '192.0.2.2', expiresAt: later(105) };
        const expected = { ...first, lastSeen: later(5), source: '192.0.2.2' };
        assert.deepEqual(await seek(device, again), expected);
        assert.deepEqual(await stores.approvals.find(first.id), expected);
        assert.ok(requestId);
      });

      test('is one for racing requests, and one entry in the audit log', async () => {
        const device = await addDevice();
        const requestId = fresh('http');
        const found = await Promise.all(
          Array.from({ length: 20 }, () => seek(device, { requestId })),
        );
        const [id = '', ...others] = new Set(found.map((approval) => approval.id));
        assert.deepEqual(others, []);
        const details = { device, publicKeyDigest: `key-of-${device}` };
        assert.deepEqual(auditOf(id), [
          { actor: device, action: 'request.pending', request_id: requestId, details },
        ]);
      });

      test('is another for another device, and for another key or other names', async () => {
        const [device, other] = [await addDevice(), await addDevice()];
        const requestDigest = fresh('digest');
        const ids = [
          await seek(device, { requestDigest }),
          await seek(device, { requestDigest: fresh('digest') }),
          await seek(other, { requestDigest }),
        ].map(({ id }) => id);
        assert.equal(new Set(ids).size, 3);
      });

      test('is forgotten after its time, and begins anew', async () => {
        const { id, device } = await seek(await addDevice());
        assert.equal((await seek(device, { at: later(99) })).id, id);
        const anew = await seek(device, { at: later(100), expiresAt: later(200) });
        assert.notEqual(anew.id, id);
        assert.equal(anew.state, 'pending');
        assert.equal((await decide(id, true, later(100))).kind, 'conflict');
        assert.equal(await stateOf(id), 'pending');
      });

      test('is found by its id, or not', async () => {
        assert.equal(await stores.approvals.find('req-nothing'), undefined);
      });

      test('is listed by state, newest first, as long as it counts', async () => {
        const at = later(10_000);
        const ask = (seconds: number) =>
          addDevice().then((device) =>
            seek(device, { at: later(10_000 + seconds), expiresAt: later(11_000 + seconds) }),
          );
        const [one, two, three] = [await ask(1), await ask(2), await ask(3)];
        await decide(two.id, true, at);
        const list = async (state: ApprovalState | undefined, limit = 10, when = at) =>
          (await stores.approvals.list({ ...(state ? { state } : {}), at: when, limit })).map(
            ({ id }) => id,
          );
        assert.deepEqual(await list(undefined), [three.id, two.id, one.id]);
        assert.deepEqual(await list('pending'), [three.id, one.id]);
        assert.deepEqual(await list('approved'), [two.id]);
        assert.deepEqual(await list('rejected'), []);
        assert.deepEqual(await list(undefined, 1), [three.id]);
        assert.deepEqual(await list(undefined, 10, later(11_001)), [three.id, two.id]);
      });

      test('is the tenth of its device at most; others are as before', async () => {
        const [device, other] = [await addDevice(), await addDevice()];
        const ask = (i: number, changes: Partial<ApprovalRequest> = {}) =>
          stores.approvals.seek(requestOf(device, { requestDigest: `${device}-${i}`, ...changes }));
        const race = await Promise.all(Array.from({ length: 15 }, (_, i) => ask(i)));
        const stored = race.filter((found) => found !== 'too-many-pending');
        assert.equal(stored.length, 10);
        const [first = assert.fail()] = stored;
        assert.equal((await seek(device, { requestDigest: first.requestDigest })).id, first.id);
        assert.equal(await ask(99), 'too-many-pending');
        await seek(other);
        await decide(first.id, true);
        assert.notEqual(await ask(99), 'too-many-pending', 'one was decided');
        assert.equal(await ask(100), 'too-many-pending');
        const times = { at: later(100), expiresAt: later(200) };
        assert.notEqual(await ask(100, times), 'too-many-pending', 'the others have expired');
      });

      test('is deleted a day after it has expired, when others are written; not all at once', async () => {
        const day = 24 * 3600;
        const expired: { id: string }[] = [];
        for (let i = 0; i < 25; i++)
          expired.push(await seek(await addDevice(), { at: later(-day), expiresAt: later(-1000) }));
        const left = async () =>
          (await Promise.all(expired.map(({ id }) => stores.approvals.find(id)))).filter(Boolean);
        const device = await addDevice();
        await seek(device, { at: later(day - 1001), expiresAt: later(day) });
        assert.equal((await left()).length, 25);
        const at = later(day - 1000);
        await seek(device, { at, expiresAt: later(day) });
        assert.equal((await left()).length, 25, 'nothing was written');
        await seek(device, { requestDigest: fresh('digest'), at, expiresAt: later(day) });
        assert.equal((await left()).length, 5);
        await seek(device, { requestDigest: fresh('digest'), at, expiresAt: later(day) });
        assert.equal((await left()).length, 0);
      });

      test('goes with its device: one of the same name begins anew', async () => {
        const device = await addDevice();
        const { id } = await seek(device);
        await decide(id, true);
        await stores.devices.remove(device, 'test', later(11));
        await stores.devices.add({ id: device, tenant: 'acme', names: [] }, 'test', later(12));
        const anew = await seek(device, { at: later(13) });
        assert.notEqual(anew.id, id);
        assert.equal(anew.state, 'pending');
      });
    });

    describe('a decision', () => {
      for (const [approve, state, other] of [
        [true, 'approved', 'rejected'],
        [false, 'rejected', 'approved'],
      ] as const)
        test(`${state}: is kept, told, and in the audit log once; the other comes too late`, async () => {
          const { id, device, publicKeyDigest } = await seek(await addDevice());
          const decided = await decide(id, approve, later(10), 'seen on site');
          assert.ok(decided.kind === 'decided');
          const { reason, decidedBy, decidedAt } = decided.approval;
          assert.deepEqual(
            [decided.approval.state, reason, decidedBy, decidedAt],
            [state, 'seen on site', 'alice', later(10)],
          );
          assert.equal((await decide(id, approve, later(11))).kind, 'decided');
          const late = await decide(id, !approve, later(12), `better ${other}`);
          assert.equal(late.kind === 'conflict' && late.approval.state, state);
          const found = await seek(device, { at: later(13) });
          assert.deepEqual(found, { ...decided.approval, lastSeen: later(13) });
          const [, ...entries] = auditOf(id);
          const details = { device, publicKeyDigest, reason: 'seen on site' };
          assert.deepEqual(entries, [
            { actor: 'alice', action: `request.${state}`, request_id: null, details },
          ]);
        });

      test('is made by a ban of the key: told and in the audit log, whatever waits or was approved', async () => {
        const publicKeyDigest = fresh('key');
        const [waiting, approved, over] = [await addDevice(), await addDevice(), await addDevice()];
        const ids = [];
        for (const device of [waiting, approved])
          ids.push((await seek(device, { publicKeyDigest })).id);
        const { id: expired } = await seek(over, { publicKeyDigest, expiresAt: later(20) });
        await decide(ids[1] ?? '', true);
        const ban = { publicKeyDigest, reason: 'Stolen.', by: 'bob', at: later(30) };
        assert.equal(await stores.keyBans.ban(ban), true);
        for (const id of ids) {
          assert.equal((await stores.approvals.find(id))?.state, 'rejected');
          const { details, ...entry } = auditOf(id).at(-1) ?? assert.fail();
          assert.deepEqual(entry, { actor: 'bob', action: 'request.rejected', request_id: null });
          assert.equal(details.reason, 'The key is banned: Stolen.');
        }
        assert.equal((await stores.approvals.find(expired))?.state, 'pending');
        assert.equal(auditOf(expired).length, 1);
      });

      test('about nothing is unknown', async () => {
        assert.deepEqual(await decide('req-nothing', true), { kind: 'unknown' });
      });

      test('of two that race, one holds', async () => {
        const { id } = await seek(await addDevice());
        const outcomes = await Promise.all([decide(id, true), decide(id, false)]);
        assert.deepEqual(outcomes.map(({ kind }) => kind).sort(), ['conflict', 'decided']);
      });

      test('ends with the request it is about', async () => {
        const { id, device } = await seek(await addDevice());
        await decide(id, false);
        const anew = await seek(device, { at: later(100), expiresAt: later(200) });
        assert.equal(anew.state, 'pending');
      });
    });

    describe('an issuance that was approved', () => {
      async function approved(device: string): Promise<string> {
        const { id } = await seek(device);
        await decide(id, true);
        return id;
      }
      const passwordOf = async (device: string) => {
        const credential = { kind: 'one-time-password', id: await addPassword(device) } as const;
        const state = async () =>
          (await stores.oneTimePasswords.list({ device, limit: 9 })).find(
            ({ id }) => id === credential.id,
          )?.state;
        return { credential, state };
      };

      test('uses the approval up, and the same request repeats', async () => {
        const device = await addDevice();
        const { credential } = await passwordOf(device);
        const intent = intentOf(device, { credential, approval: await approved(device) });
        assert.deepEqual(await stores.ledger.recordIntent(intent), { kind: 'recorded' });
        assert.equal(await stateOf(intent.approval ?? ''), 'used');
        assert.equal((await decide(intent.approval ?? '', true)).kind, 'conflict');
        const again = { ...intent, serialNumber: fresh('01') };
        assert.equal(codeOf(await stores.ledger.recordIntent(again)), 'repeated');
        const [entry] = auditOf(intent.serialNumber);
        assert.equal(entry?.details.approval, intent.approval);
      });

      test('has one approval for itself: the next is refused, and spends nothing', async () => {
        const device = await addDevice();
        const approval = await approved(device);
        const recorded = await stores.ledger.recordIntent(intentOf(device, { approval }));
        assert.equal(codeOf(recorded), 'recorded');
        const { credential, state } = await passwordOf(device);
        const next = intentOf(device, { approval, credential });
        assert.equal(codeOf(await stores.ledger.recordIntent(next)), 'approval-used');
        assert.equal(await state(), 'unused');
        assert.equal(await stores.ledger.find(next.issuer, next.serialNumber), undefined);
      });

      test('is one, however many race for it', async () => {
        const device = await addDevice();
        const approval = await approved(device);
        const credentials = await Promise.all(Array.from({ length: 10 }, () => passwordOf(device)));
        const outcomes = await Promise.all(
          credentials.map(({ credential }) =>
            stores.ledger.recordIntent(intentOf(device, { approval, credential })),
          ),
        );
        assert.equal(outcomes.filter(({ kind }) => kind === 'recorded').length, 1);
        const states = await Promise.all(credentials.map(({ state }) => state()));
        assert.equal(states.filter((state) => state === 'spent').length, 1);
      });

      const unfit: Record<string, (device: string) => Promise<string>> = {
        pending: async (device) => (await seek(device)).id,
        rejected: async (device) => {
          const { id } = await seek(device);
          await decide(id, false);
          return id;
        },
        expired: async (device) => {
          const { id } = await seek(device, { expiresAt: later(15) });
          await decide(id, true);
          return id;
        },
        "another device's": async () => approved(await addDevice()),
        unknown: async () => 'req-nothing',
      };
      for (const [what, make] of Object.entries(unfit))
        test(`is refused with an approval that is ${what}, and spends nothing`, async () => {
          const device = await addDevice();
          const { credential, state } = await passwordOf(device);
          const intent = intentOf(device, { credential, approval: await make(device) });
          assert.equal(codeOf(await stores.ledger.recordIntent(intent)), 'approval-used');
          assert.equal(await state(), 'unused');
        });

      test('leaves the approval when its credential does not serve', async () => {
        const device = await addDevice();
        const approval = await approved(device);
        const { credential } = await passwordOf(device);
        await stores.oneTimePasswords.revoke(credential.id, 'test', now);
        const intent = intentOf(device, { approval, credential });
        assert.equal(codeOf(await stores.ledger.recordIntent(intent)), 'credential-spent');
        assert.equal(await stateOf(approval), 'approved');
      });

      test('is followed by a new request when a new one is asked for, not before', async () => {
        const device = await addDevice();
        const id = await approved(device);
        assert.equal((await seek(device, { at: later(11) }, true)).id, id);
        await stores.ledger.recordIntent(intentOf(device, { approval: id }));
        assert.equal((await seek(device, { at: later(21) })).id, id);
        const anew = await seek(device, { at: later(22) }, true);
        assert.notEqual(anew.id, id);
        assert.equal(anew.state, 'pending');
        for (const again of [true, false])
          assert.equal((await seek(device, { at: later(23) }, again)).id, anew.id);
      });
    });
  });
