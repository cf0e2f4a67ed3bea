/**
 * What every implementation owes of where devices are and what else is known of them, run over each engine there is.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import type { NewDevice } from '../enrollment/device-registry.ts';
import { databaseFile, engines } from '../test/support/storage-engines.ts';
import type { OpenStores } from './stores.ts';

const limits = { perCredentialAndSource: 9, perCredential: 9, perSource: 9, windowSeconds: 60 };
const now = new Date('2030-01-01T00:00:00Z');
const later = new Date('2030-01-02T00:00:00Z');
let counter = 0;
const fresh = (prefix: string) => `${prefix}-${++counter}`;

for (const [engine, open] of Object.entries(engines))
  describe(engine, () => {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-place-'));
    let stores: OpenStores;
    before(async () => {
      stores = await open(directory, limits);
      await stores.tenants.add({ id: 'acme', endpoints: [], label: 'acme' }, 'test', now);
    });
    after(async () => {
      await stores.close();
      rmSync(directory, { recursive: true, force: true });
    });

    const place = {
      region: 'eu',
      site: 'Werk 2',
      building: '7',
      context: { line: '4', model: 'P=9' },
    };
    const add = async (known: Partial<NewDevice> = {}) => {
      const id = fresh('device');
      const added = await stores.devices.add(
        { id, tenant: 'acme', names: [], ...known },
        'ann',
        now,
      );
      assert.equal(added.kind, 'added');
      return id;
    };
    const deviceOf = async (id: string) => (await stores.devices.find(id))?.device;
    const auditOf = (id: string, action: string) => {
      const database = new DatabaseSync(join(directory, databaseFile), { readOnly: true });
      try {
        const query = 'select at, actor, details from audit_log where object = ? and action = ?';
        return database.prepare(query).all(id, action);
      } finally {
        database.close();
      }
    };

    test('a device is where it was said to be', async () => {
      const id = await add(place);
      const { region, site, building, context } = (await deviceOf(id)) ?? {};
      assert.deepEqual({ region, site, building, context }, place);
      const listed = (await stores.devices.list({ limit: 99 })).find((each) => each.id === id);
      assert.equal(listed?.site, 'Werk 2');
    });

    test('a device of which nothing is known says nothing of it', async () => {
      const known = Object.keys((await deviceOf(await add())) ?? {});
      for (const name of ['region', 'site', 'building', 'context', 'quarantined'])
        assert.ok(!known.includes(name), name);
    });

    test('the owner of a password is the same device', async () => {
      const id = await add(place);
      const passwordHash = `hash-${id}`;
      const password = { id: fresh('otp'), device: id, passwordHash, createdAt: now };
      await stores.oneTimePasswords.create({ ...password, expiresAt: later, by: 'ann' });
      const owner = async () => {
        const outcome = await stores.oneTimePasswords.match({
          userName: id,
          passwordHash,
          source: '192.0.2.1',
          at: now,
          requestId: 'r',
        });
        assert.ok(outcome.kind === 'matched');
        return outcome.device;
      };
      assert.deepEqual(await owner(), await deviceOf(id));
      assert.equal((await owner()).region, 'eu');
      await stores.devices.setQuarantine(id, true, 'ann', now);
      assert.equal((await owner()).quarantined, true);
    });

    test('what changes is changed, and what is left out stays', async () => {
      const id = await add(place);
      const change = { region: 'us', building: null, context: { line: null, shift: '2' } };
      const changed = await stores.devices.setPlace(id, change, 'bob', later);
      assert.deepEqual(changed, await deviceOf(id));
      assert.equal(changed?.region, 'us');
      assert.equal(changed?.site, 'Werk 2');
      assert.ok(!('building' in (changed ?? {})));
      assert.deepEqual(changed?.context, { model: 'P=9', shift: '2' });
      const [entry] = auditOf(id, 'device.place-set');
      assert.equal(entry?.actor, 'bob');
      assert.deepEqual(JSON.parse(String(entry?.details)), change);
    });

    test('context does not grow without end', async () => {
      const id = await add();
      const many = (from: number) =>
        Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${from + i}`, 'x']));
      await stores.devices.setPlace(id, { context: many(0) }, 'bob', later);
      await assert.rejects(
        stores.devices.setPlace(id, { context: many(20) }, 'bob', later),
        /at most 32/,
      );
      assert.equal(Object.keys((await deviceOf(id))?.context ?? {}).length, 20);
    });

    test('into quarantine and out of it', async () => {
      const id = await add();
      assert.equal((await stores.devices.setQuarantine(id, true, 'bob', later))?.quarantined, true);
      assert.equal((await deviceOf(id))?.quarantined, true);
      await stores.devices.setQuarantine(id, false, 'eve', later);
      assert.equal((await deviceOf(id))?.quarantined, undefined);
      assert.equal(auditOf(id, 'device.quarantined')[0]?.actor, 'bob');
      assert.equal(auditOf(id, 'device.released')[0]?.actor, 'eve');
    });

    test('of a device that is not there, nothing is known', async () => {
      assert.equal(
        await stores.devices.setPlace('nobody', { region: 'eu' }, 'bob', now),
        undefined,
      );
      assert.equal(await stores.devices.setQuarantine('nobody', true, 'bob', now), undefined);
    });
  });
