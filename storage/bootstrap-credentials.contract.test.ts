/** What every implementation owes of secrets that a batch of devices shares, run over each engine there is. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import type { Intent } from '../ca/issuance-ledger.ts';
import { deviceIdOfKey } from '../enrollment/by-request-key.ts';
import { databaseFile, engines } from '../test/support/storage-engines.ts';
import { openRestoration, restoreSafely } from './restoration.ts';
import type { OpenStores } from './stores.ts';

const limits = { perCredentialAndSource: 3, perCredential: 9, perSource: 9, windowSeconds: 60 };
const now = new Date('2030-01-01T00:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
let counter = 0;
const fresh = (prefix: string) => `${prefix}-${++counter}`;
const freshKey = () => String(++counter).padStart(64, '0').split('').reverse().join('');

for (const [engine, open] of Object.entries(engines))
  describe(engine, () => {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-bootstrap-'));
    let stores: OpenStores;
    before(async () => {
      stores = await open(directory, limits);
      for (const id of ['batch', 'listed', 'other', 'plain'])
        await stores.tenants.add({ id, endpoints: [], label: id }, 'test', now);
      const generated = { identity: 'generated', possession: 'bootstrap-credential' } as const;
      await stores.tenants.changeSettings('batch', generated, 'test', now);
      await stores.tenants.changeSettings('other', generated, 'test', now);
      const listed = { possession: 'bootstrap-credential' } as const;
      await stores.tenants.changeSettings('listed', listed, 'test', now);
    });
    after(async () => {
      await stores.close();
      rmSync(directory, { recursive: true, force: true });
    });

    async function create(quota: number, group = 'batch', seconds = 1000) {
      const id = fresh('boot');
      const secretHash = fresh('hash');
      const terms = { quota, notBefore: now, notAfter: later(seconds) };
      const made = { id, group, secretHash, ...terms, createdAt: now, by: 'ann' };
      assert.equal(await stores.bootstrapCredentials.create(made), undefined);
      return made;
    }

    /** Of a device that nobody has heard of, unless the changes say which it is. */
    function intentOf(credential: string, key: string, changes: Partial<Intent> = {}): Intent {
      return {
        issuer: 'issuer',
        serialNumber: fresh('01'),
        toBeSigned: Uint8Array.of(0x30, 0),
        publicKeyDigest: key,
        requestDigest: `request-${key}`,
        profile: 'device',
        subscriber: deviceIdOfKey(key),
        registration: { tenant: 'batch', group: 'batch' },
        credential: { kind: 'bootstrap-credential', id: credential },
        notBefore: now,
        notAfter: later(500),
        requestId: fresh('request'),
        recordedAt: later(1),
        ...changes,
      };
    }
    async function outcomeOf(intent: Intent): Promise<string> {
      const foreseen = await stores.ledger.objectionTo(intent);
      const outcome = await stores.ledger.recordIntent(intent);
      assert.equal(foreseen?.code, outcome.kind === 'refused' ? outcome.code : undefined);
      return outcome.kind === 'refused' ? outcome.code : outcome.kind;
    }
    const usesOf = async (id: string) => (await stores.bootstrapCredentials.find(id))?.uses;
    const audited = (object: string, action: string): number => {
      using database = new DatabaseSync(join(directory, databaseFile), { readOnly: true });
      const query = 'select actor from audit_log where object = ? and action = ?';
      return database.prepare(query).all(object, action).length;
    };
    const add = async (group = 'listed') => {
      const id = fresh('device');
      await stores.devices.add({ id, tenant: group, names: [] }, 'ann', now);
      return id;
    };

    test('it is made for a group that takes such, and for no other', async () => {
      const { id, quota, notBefore, notAfter } = await create(7);
      const expected = { id, group: 'batch', quota, uses: 0, state: 'active' };
      const times = { notBefore, notAfter, createdAt: now, createdBy: 'ann' };
      assert.deepEqual(
        { ...(await stores.bootstrapCredentials.find(id)) },
        { ...expected, ...times },
      );
      assert.equal(audited(id, 'bootstrap-credential.created'), 1);
      const terms = { quota, notBefore, notAfter, createdAt: now, by: 'ann' };
      for (const [group, reason] of [
        ['plain', /takes no bootstrap credentials/],
        ['nowhere', /There is no group nowhere/],
      ] as const) {
        const made = { id: fresh('boot'), group, secretHash: fresh('hash'), ...terms };
        assert.match((await stores.bootstrapCredentials.create(made)) ?? '', reason);
        assert.equal(await stores.bootstrapCredentials.find(made.id), undefined);
      }
      assert.equal(await stores.bootstrapCredentials.revoke('boot-none', 'ann', now), undefined);
    });

    test('of any number of devices at once, no more than the quota get an intent', async () => {
      const { id } = await create(5);
      const intents = Array.from({ length: 30 }, () => intentOf(id, freshKey()));
      const outcomes = await Promise.all(intents.map((each) => stores.ledger.recordIntent(each)));
      assert.equal(outcomes.filter(({ kind }) => kind === 'recorded').length, 5);
      assert.equal(await usesOf(id), 5);
      const uses = await stores.bootstrapCredentials.uses(id, 100);
      const recorded = intents.filter((_, i) => outcomes[i]?.kind === 'recorded');
      assert.deepEqual(
        uses.map(({ publicKeyDigest }) => publicKeyDigest).sort(),
        recorded.map(({ publicKeyDigest }) => publicKeyDigest).sort(),
      );
      for (const [i, { subscriber = '' }] of intents.entries())
        assert.equal(
          (await stores.devices.find(subscriber))?.device.firstKey,
          outcomes[i]?.kind === 'recorded' ? intents[i]?.publicKeyDigest : undefined,
          'who got nothing is not registered',
        );
      assert.equal(audited(id, 'bootstrap-credential.used-up'), 1);
      assert.equal(audited(id, 'certificate.refused'), 1, 'the first of those that were refused');
      assert.deepEqual((await stores.bootstrapCredentials.find(id))?.exceededAt, later(1));
    });

    test('a device counts once: a lost answer, another request, an ended certificate', async () => {
      const { id } = await create(1, 'batch', 5000);
      const key = freshKey();
      const intent = intentOf(id, key);
      assert.equal(await outcomeOf(intent), 'recorded');
      const again = { serialNumber: fresh('02') };
      assert.equal(await outcomeOf({ ...intent, ...again, recordedAt: later(499) }), 'repeated');
      const another = intentOf(id, key, { requestDigest: fresh('request') });
      assert.equal(await outcomeOf(another), 'recorded');
      const ended = intentOf(id, key, { recordedAt: later(501), notAfter: later(4000) });
      assert.equal(await outcomeOf(ended), 'recorded');
      const late = { serialNumber: fresh('02'), recordedAt: later(3999) };
      assert.equal(await outcomeOf({ ...ended, ...late }), 'repeated', 'as long as it is valid');
      assert.equal(await outcomeOf(intentOf(id, freshKey())), 'bootstrap-quota-used');
      assert.equal(await usesOf(id), 1);
    });

    test('outside its window, or revoked, it is good for nothing and counts nothing', async () => {
      const { id } = await create(3);
      const tried = (recordedAt: Date) => outcomeOf(intentOf(id, freshKey(), { recordedAt }));
      assert.equal(await tried(later(-1)), 'bootstrap-window-closed');
      assert.equal(await tried(later(1000)), 'bootstrap-window-closed');
      assert.equal(await tried(later(0)), 'recorded');
      assert.equal(await tried(later(999)), 'recorded');
      const revoked = await stores.bootstrapCredentials.revoke(id, 'ann', later(2));
      assert.deepEqual([revoked?.state, revoked?.uses], ['revoked', 2]);
      await stores.bootstrapCredentials.revoke(id, 'ann', later(3));
      assert.equal(audited(id, 'bootstrap-credential.revoked'), 1);
      assert.equal(await tried(later(4)), 'credential-spent');
      assert.equal(await usesOf(id), 2);
    });

    test('it is for devices of its own group', async () => {
      const { id } = await create(3, 'other');
      assert.equal(await outcomeOf(intentOf(id, freshKey())), 'credential-spent');
      const device = await add();
      const listed = { subscriber: device };
      assert.equal(await outcomeOf(intentOf(id, freshKey(), listed)), 'credential-spent');
      assert.equal(await usesOf(id), 0);
      assert.equal((await stores.devices.find(device))?.device.firstKey, undefined);
    });

    test('another key of a registered device is refused, and counts once it is let in', async () => {
      const { id } = await create(2, 'listed');
      const [subscriber, first, second] = [await add(), freshKey(), freshKey()];
      const of = (key: string) => intentOf(id, key, { subscriber });
      assert.equal(await outcomeOf(of(first)), 'recorded');
      assert.equal(await outcomeOf(of(second)), 'first-key-mismatch');
      assert.equal(await usesOf(id), 1);
      await stores.devices.resetKey(subscriber, 'ann', now);
      assert.equal(await outcomeOf(of(second)), 'recorded');
      assert.equal(await usesOf(id), 2);
      await stores.devices.resetKey(subscriber, 'ann', now);
      assert.equal(await outcomeOf(of(freshKey())), 'bootstrap-quota-used');
    });

    test('a device that has renewed to another key does not count again, and its old key is refused', async () => {
      const { id } = await create(1);
      const [first, second] = [freshKey(), freshKey()];
      const intent = intentOf(id, first);
      await outcomeOf(intent);
      const { issuer, serialNumber, subscriber = '' } = intent;
      const der = Uint8Array.of(0x30, 0);
      await stores.ledger.recordCertificate({ issuer, serialNumber }, der, later(2), 'r');
      const credential = { kind: 'client-certificate', id: serialNumber } as const;
      const renewal = intentOf(id, second, { subscriber, credential });
      assert.equal(await outcomeOf(renewal), 'recorded');
      assert.equal(await outcomeOf(intentOf(id, second, { subscriber })), 'recorded');
      const old = { subscriber, requestDigest: fresh('request') };
      assert.equal(await outcomeOf(intentOf(id, first, old)), 'first-key-mismatch');
      assert.equal(await usesOf(id), 1);
    });

    test('it brings no other certificate to a device after one was revoked', async () => {
      const { id } = await create(3);
      const key = freshKey();
      const intent = intentOf(id, key);
      await outcomeOf(intent);
      const { issuer, serialNumber } = intent;
      const order = { reason: 'superseded', at: later(2), by: 'ann' } as const;
      await stores.ledger.revoke(issuer, serialNumber, order);
      const next = intentOf(id, key);
      assert.equal(await outcomeOf(next), 'recorded');
      const unspecified = { ...order, reason: 'unspecified' } as const;
      await stores.ledger.revoke(issuer, next.serialNumber, unspecified);
      assert.equal(await outcomeOf(intentOf(id, key)), 'certificate-revoked');
      const own = await create(1);
      assert.equal(await outcomeOf(intentOf(own.id, key)), 'recorded', 'by one of its own');
    });

    test('a device that was removed has counted, and comes back by no credential it used', async () => {
      const { id } = await create(1);
      const key = freshKey();
      await outcomeOf(intentOf(id, key));
      await stores.devices.remove(deviceIdOfKey(key), 'ann', later(2));
      assert.equal(await outcomeOf(intentOf(id, key)), 'certificate-revoked');
      assert.equal(await outcomeOf(intentOf(id, freshKey())), 'bootstrap-quota-used');
    });

    test('a newcomer that was registered and blocked in the meantime gets nothing', async () => {
      const { id } = await create(2);
      const key = freshKey();
      await outcomeOf(intentOf(id, key));
      await stores.devices.setStatus(deviceIdOfKey(key), 'blocked', 'ann', later(2));
      assert.equal(await outcomeOf(intentOf(id, key)), 'subscriber-inactive');
    });

    test('the key alone, or the secret where its group takes none any more, is worth nothing', async () => {
      const { id } = await create(3, 'listed');
      const [subscriber, key] = [await add(), freshKey()];
      const alone = { kind: 'request-key', id: key } as const;
      assert.equal(
        await outcomeOf(intentOf(id, key, { subscriber, credential: alone })),
        'credential-spent',
      );
      const set = (possession: 'none' | 'bootstrap-credential', trust: 'first-use' | 'ca') =>
        stores.tenants.changeSettings('listed', { possession, trust }, 'test', now);
      assert.equal((await set('none', 'first-use')).kind, 'changed');
      assert.equal(await outcomeOf(intentOf(id, key, { subscriber })), 'credential-spent');
      assert.equal((await set('bootstrap-credential', 'ca')).kind, 'changed');
      assert.equal(await usesOf(id), 0);
      assert.equal(await outcomeOf(intentOf(id, key, { subscriber })), 'recorded');
    });

    test('a newcomer of a suspended tenant joins no group of it', async () => {
      const { id } = await create(1);
      const suspend = (suspended: 0 | 1) => {
        using database = new DatabaseSync(join(directory, databaseFile));
        database.exec('pragma busy_timeout = 2000');
        database.prepare('update tenant set suspended = ? where id = ?').run(suspended, 'batch');
      };
      const intent = intentOf(id, freshKey());
      suspend(1);
      assert.equal(await outcomeOf(intent), 'subscriber-inactive');
      assert.equal(await usesOf(id), 0);
      suspend(0);
      assert.equal(await outcomeOf(intent), 'recorded');
    });

    test('a list is of one group, and the devices that used one are its own', async () => {
      const [one, other] = [await create(2), await create(2)];
      const listed = await create(1, 'listed');
      const keys = [freshKey(), freshKey()];
      for (const key of keys) await outcomeOf(intentOf(one.id, key));
      await outcomeOf(intentOf(other.id, freshKey()));
      const store = stores.bootstrapCredentials;
      const uses = await store.uses(one.id, 9);
      assert.deepEqual(uses.map(({ publicKeyDigest }) => publicKeyDigest).sort(), keys.sort());
      assert.equal((await store.uses(one.id, 1)).length, 1);
      const found = await store.list({ group: 'listed', limit: 99 });
      assert.ok(found.some(({ id }) => id === listed.id));
      assert.ok(found.every(({ group }) => group === 'listed'));
      assert.equal((await store.list({ limit: 1 })).length, 1);
    });

    describe('who shows a secret', () => {
      const attempt = (userName: string, secretHash: string, changes: object = {}) =>
        stores.bootstrapCredentials.match({
          ...{ userName, secretHash, source: fresh('source'), at: later(1), requestId: 'r' },
          ...changes,
        });

      test('is known by it, on the path of its group and without a label', async () => {
        const { id, secretHash } = await create(1);
        for (const path of [{}, { group: 'batch' }]) {
          const outcome = await attempt(id, secretHash, path);
          assert.ok(outcome.kind === 'matched');
          assert.deepEqual([outcome.credential.id, outcome.group.label], [id, 'batch']);
        }
      });

      test('is not with another secret, a revoked one, one of another group, or of a group that takes none', async () => {
        const good = await create(1);
        const revoked = await create(1);
        await stores.bootstrapCredentials.revoke(revoked.id, 'ann', now);
        const changed = await create(1, 'listed');
        const settings = (possession: 'one-time-password' | 'bootstrap-credential') =>
          stores.tenants.changeSettings('listed', { possession }, 'test', now);
        await settings('one-time-password');
        const cases: [string, string, object, RegExp][] = [
          [good.id, 'another', {}, /No such bootstrap credential/],
          [good.id, good.secretHash, { group: 'other' }, /not of the group other/],
          [revoked.id, revoked.secretHash, {}, /is revoked/],
          [changed.id, changed.secretHash, {}, /takes no bootstrap credentials/],
        ];
        for (const [id, secret, changes, reason] of cases) {
          const outcome = await attempt(id, secret, changes);
          assert.ok(outcome.kind === 'failed', id);
          assert.match(outcome.reason, reason);
        }
        await settings('bootstrap-credential');
      });

      test('waits after too many failures, counted with those of one-time passwords', async () => {
        const { id, secretHash } = await create(1);
        const source = fresh('source');
        for (let i = 0; i < 3; i++)
          assert.equal((await attempt(id, 'wrong', { source })).kind, 'failed');
        assert.deepEqual(await attempt(id, secretHash, { source }), {
          kind: 'paused',
          retryAfter: 60,
        });
        const counted = { userName: id, source, at: later(1), requestId: 'r' };
        assert.equal(await stores.oneTimePasswords.pauseOf(counted), 60);
        assert.equal((await attempt(id, secretHash)).kind, 'matched', 'from elsewhere');
        assert.equal(audited('bootstrap-credential', 'authentication.failed') >= 3, true);
      });
    });

    test('a backup that comes back revokes them: more devices may have come than it knows', async () => {
      const { id } = await create(3);
      await stores.close();
      const sqlite = join(directory, databaseFile);
      const { transactions, close } = await openRestoration({ sqlite, busyTimeout: 2000 });
      const order = { at: later(9), by: 'ann', takenAt: now, nothingHappenedSince: false };
      const kept = await restoreSafely(transactions, { ...order, nothingHappenedSince: true });
      const restored = await restoreSafely(transactions, order);
      await close();
      assert.equal(kept.bootstrapCredentialsRevoked, 0);
      assert.ok(restored.bootstrapCredentialsRevoked > 0);
      stores = await open(directory, limits);
      assert.equal((await stores.bootstrapCredentials.find(id))?.state, 'revoked');
    });
  });
