/** What every implementation owes of devices that are known by the first key they came with, run over each engine there is. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import type { Intent } from '../ca/issuance-ledger.ts';
import { databaseFile, engines } from '../test/support/storage-engines.ts';
import type { OpenStores } from './stores.ts';

const limits = { perCredentialAndSource: 9, perCredential: 9, perSource: 9, windowSeconds: 60 };
const now = new Date('2030-01-01T00:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
const octets = Uint8Array.of(0x30, 0);
let counter = 0;
const fresh = (prefix: string) => `${prefix}-${++counter}`;

for (const [engine, open] of Object.entries(engines))
  describe(engine, () => {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-first-keys-'));
    let stores: OpenStores;
    before(async () => {
      stores = await open(directory, limits);
      for (const id of ['edge', 'other', 'confirmed', 'made', 'named', 'paused'])
        await stores.tenants.add({ id, endpoints: [], label: id }, 'test', now);
      await set('edge', { possession: 'none', trust: 'first-use' });
      await set('confirmed', { possession: 'none', trust: 'staging' });
      await set('made', { identity: 'generated', possession: 'none', trust: 'staging' });
      await set('paused', { identity: 'generated', possession: 'none', trust: 'staging' });
      using database = new DatabaseSync(join(directory, databaseFile));
      database.exec(`update tenant set suspended = 1 where id = 'paused'`);
      await set('named', { identity: 'assigned', possession: 'none', trust: 'staging' });
    });
    after(async () => {
      await stores.close();
      rmSync(directory, { recursive: true, force: true });
    });

    async function set(label: string, changes: object): Promise<void> {
      const { kind } = await stores.tenants.changeSettings(label, changes, 'test', now);
      assert.equal(kind, 'changed');
    }
    const add = async (tenant = 'edge') => {
      const id = fresh('device');
      assert.equal((await stores.devices.add({ id, tenant, names: [] }, 'ann', now)).kind, 'added');
      return id;
    };
    const intentOf = (subscriber: string, key: string, changes: Partial<Intent> = {}): Intent => ({
      issuer: 'issuer',
      serialNumber: fresh('01'),
      toBeSigned: octets,
      publicKeyDigest: key,
      requestDigest: fresh('request'),
      profile: 'device',
      subscriber,
      credential: { kind: 'request-key', id: key },
      notBefore: now,
      notAfter: later(1_000_000),
      requestId: fresh('request'),
      recordedAt: later(1),
      ...changes,
    });
    const outcomeOf = async (intent: Intent) => {
      const foreseen = await stores.ledger.objectionTo(intent);
      const outcome = await stores.ledger.recordIntent(intent);
      assert.equal(foreseen?.code, outcome.kind === 'refused' ? outcome.code : undefined);
      return outcome.kind === 'refused' ? outcome.code : outcome.kind;
    };
    const deviceOf = async (id: string) => (await stores.devices.find(id))?.device;
    const audited = (object: string, action: string) => entries(object, action).length;
    const entries = (object: string, action: string) => {
      using database = new DatabaseSync(join(directory, databaseFile), { readOnly: true });
      const query = 'select actor, details from audit_log where object = ? and action = ?';
      return database.prepare(query).all(object, action);
    };

    test('the first key is pinned with the intent, and another is refused', async () => {
      const [id, first, second] = [await add(), fresh('key'), fresh('key')];
      assert.equal(await outcomeOf(intentOf(id, first)), 'recorded');
      assert.equal((await deviceOf(id))?.firstKey, first);
      assert.equal(audited(id, 'device.first-key-pinned'), 1);
      assert.equal(await outcomeOf(intentOf(id, second)), 'first-key-mismatch');
      assert.equal(await outcomeOf(intentOf(id, first)), 'recorded');
      assert.equal((await deviceOf(id))?.firstKey, first);
      assert.equal((await stores.devices.findByFirstKey('edge', first))?.device.id, id);
      assert.equal(await stores.devices.findByFirstKey('other', first), undefined);
    });

    test('of many keys at once, one is pinned', async () => {
      const id = await add();
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () => stores.ledger.recordIntent(intentOf(id, fresh('key')))),
      );
      assert.equal(outcomes.filter(({ kind }) => kind === 'recorded').length, 1);
    });

    test('a reset lets the next key come, and not the one before', async () => {
      const [id, first, second] = [await add(), fresh('key'), fresh('key')];
      await outcomeOf(intentOf(id, first));
      const reset = await stores.devices.resetKey(id, 'ann', now);
      assert.deepEqual([reset?.firstKey, reset?.firstKeyAt], [undefined, undefined]);
      assert.equal(await outcomeOf(intentOf(id, second)), 'recorded');
      assert.equal(await outcomeOf(intentOf(id, first)), 'first-key-mismatch');
      const [entry, ...others] = entries(id, 'device.key-reset');
      assert.deepEqual(others, []);
      assert.equal(entry?.actor, 'ann');
      assert.equal(JSON.parse(String(entry?.details)).publicKeyDigest, first);
      assert.equal(await stores.devices.resetKey('nobody', 'ann', now), undefined);
    });

    test('the pin follows a renewal by certificate, and the old key is of no use then', async () => {
      const [id, first, second] = [await add(), fresh('key'), fresh('key')];
      const intent = intentOf(id, first);
      await outcomeOf(intent);
      const { issuer, serialNumber } = intent;
      await stores.ledger.recordCertificate({ issuer, serialNumber }, octets, now, 'r');
      const credential = { kind: 'client-certificate', id: serialNumber } as const;
      assert.equal(await outcomeOf(intentOf(id, second, { credential })), 'recorded');
      assert.equal((await deviceOf(id))?.firstKey, second);
      assert.equal(await outcomeOf(intentOf(id, first)), 'first-key-mismatch');
    });

    test('a key whose certificate was revoked or is held brings no other until it is reset', async () => {
      const [id, key] = [await add(), fresh('key')];
      const intent = intentOf(id, key);
      await outcomeOf(intent);
      const { issuer, serialNumber } = intent;
      const order = { reason: 'superseded', at: later(2), by: 'ann' } as const;
      await stores.ledger.revoke(issuer, serialNumber, order);
      const next = intentOf(id, key);
      assert.equal(await outcomeOf(next), 'recorded', 'one that ended in a newer one');
      const held = { ...order, reason: 'certificateHold' } as const;
      await stores.ledger.revoke(issuer, next.serialNumber, held);
      assert.equal(await outcomeOf(intentOf(id, key)), 'certificate-revoked');
      await stores.ledger.release(issuer, next.serialNumber, { by: 'ann', at: later(3) });
      assert.equal(await outcomeOf(intentOf(id, key)), 'recorded');
      const unspecified = { ...order, reason: 'unspecified' } as const;
      await stores.ledger.revoke(issuer, next.serialNumber, unspecified);
      assert.equal(await outcomeOf(intentOf(id, key)), 'certificate-revoked');
      await stores.devices.resetKey(id, 'ann', later(4));
      const anew = intentOf(id, key, { recordedAt: later(5) });
      assert.equal(await outcomeOf(anew), 'recorded', 'an operator said so');
    });

    test('a key that followed a renewal answers for its own certificates alone', async () => {
      const [id, first, second] = [await add(), fresh('key'), fresh('key')];
      const intent = intentOf(id, first);
      await outcomeOf(intent);
      const { issuer, serialNumber } = intent;
      await stores.ledger.recordCertificate({ issuer, serialNumber }, octets, now, 'r');
      const credential = { kind: 'client-certificate', id: serialNumber } as const;
      const renewal = intentOf(id, second, { credential, recordedAt: later(2) });
      assert.equal(await outcomeOf(renewal), 'recorded');
      const order = { reason: 'unspecified', at: later(3), by: 'ann' } as const;
      await stores.ledger.revoke(issuer, serialNumber, order);
      const by = { recordedAt: later(4) };
      assert.equal(await outcomeOf(intentOf(id, second, by)), 'recorded');
      await stores.ledger.revoke(issuer, renewal.serialNumber, order);
      assert.equal(await outcomeOf(intentOf(id, second, by)), 'certificate-revoked');
    });

    test('a renewal gives no first key to a device that never had one', async () => {
      const id = await add('other');
      const serialNumber = fresh('02');
      const credential = { kind: 'operator', id: 'test' } as const;
      await stores.ledger.recordIntent(intentOf(id, fresh('key'), { serialNumber, credential }));
      const renewal = { kind: 'client-certificate', id: serialNumber } as const;
      assert.equal(
        await outcomeOf(intentOf(id, fresh('key'), { credential: renewal })),
        'recorded',
      );
      assert.equal((await deviceOf(id))?.firstKey, undefined);
    });

    test('a group that asks for a credential takes no key, and one that is to confirm none unseen', async () => {
      assert.equal(await outcomeOf(intentOf(await add('other'), fresh('key'))), 'credential-spent');
      const staged = await add('confirmed');
      assert.equal(await outcomeOf(intentOf(staged, fresh('key'))), 'key-unconfirmed');
      const credential = { kind: 'bootstrap-credential', id: 'boot' } as const;
      const shown = intentOf(await add(), fresh('key'), { credential });
      assert.equal(await outcomeOf(shown), 'credential-spent');
    });

    test('a device that is not on record joins no group that does not take newcomers', async () => {
      for (const [group, tenant] of [
        ['edge', 'edge'],
        ['made', 'edge'],
        ['named', 'named'],
        ['paused', 'paused'],
        ['nowhere', 'made'],
      ] as const) {
        const registration = { group, tenant };
        const intent = intentOf(fresh('dev'), fresh('key'), { registration });
        assert.equal(await outcomeOf(intent), 'subscriber-inactive', `${group} of ${tenant}`);
        assert.equal(await deviceOf(intent.subscriber ?? ''), undefined);
      }
      const registration = { group: 'made', tenant: 'made' };
      const unseen = intentOf(fresh('dev'), fresh('key'), { registration });
      assert.equal(await outcomeOf(unseen), 'key-unconfirmed');
      assert.equal(await deviceOf(unseen.subscriber ?? ''), undefined);
    });

    test('a newcomer excuses no registration authority that is blocked', async () => {
      const relayedBy = await add();
      await stores.devices.setStatus(relayedBy, 'blocked', 'ann', now);
      const registration = { group: 'made', tenant: 'made' };
      const intent = intentOf(fresh('dev'), fresh('key'), { registration, relayedBy });
      assert.equal(await outcomeOf(intent), 'subscriber-inactive');
    });

    test('another key is reported once in a row', async () => {
      const id = await add();
      const url = 'https://hook.example/';
      const webhook = { id: fresh('hook'), url, purpose: 'events', types: ['*'] } as const;
      const secret = { id: fresh('secret'), sealed: octets, createdAt: now };
      await stores.webhooks.add(webhook, secret, 'test');
      const report = (publicKeyDigest: string) =>
        stores.devices.reportForeignKey({
          device: id,
          publicKeyDigest,
          source: '192.0.2.1',
          requestId: 'r',
          at: now,
        });
      for (const key of ['a', 'a', 'b', 'b', 'a']) await report(key);
      assert.equal(audited(id, 'device.foreign-key'), 3);
      const events = await stores.events.list({ limit: 9 });
      assert.deepEqual(
        events.map(({ type, device, data }) => [type, device, data.code, data.publicKeyDigest]),
        ['a', 'b', 'a'].map((key) => ['bestow.device.refused', id, 'first-key-mismatch', key]),
      );
      assert.equal((await deviceOf(id))?.foreignKey, 'a');
    });

    test('the pin follows nobody but the device: not what others ask for in its name', async () => {
      const [id, first] = [await add(), fresh('key')];
      await outcomeOf(intentOf(id, first));
      const credential = { kind: 'operator', id: 'test' } as const;
      assert.equal(await outcomeOf(intentOf(id, fresh('key'), { credential })), 'recorded');
      assert.equal((await deviceOf(id))?.firstKey, first);
    });
  });
