/** What may have changed between a device that waits and the word of a person, run over each engine there is. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import type { Confirmation, StagedRequest } from '../enrollment/staging-area.ts';
import { databaseFile, engines } from '../test/support/storage-engines.ts';
import type { OpenStores } from './stores.ts';

const limits = { perCredentialAndSource: 9, perCredential: 9, perSource: 9, windowSeconds: 60 };
const now = new Date('2030-01-01T00:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
let counter = 0;
const fresh = (prefix: string) => `${prefix}-${++counter}`;

for (const [engine, open] of Object.entries(engines))
  describe(engine, () => {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-confirmation-'));
    let stores: OpenStores;
    before(async () => {
      stores = await open(directory, limits);
      for (const id of ['given', 'theirs'])
        await stores.tenants.add({ id, endpoints: [], label: id }, 'test', now);
      const assigned = { identity: 'assigned', possession: 'none', trust: 'staging' } as const;
      for (const id of ['given', 'theirs'])
        await stores.tenants.changeSettings(id, assigned, 'test', now);
      const { settings } = (await stores.tenants.groupOf('given')) ?? assert.fail();
      const second = { label: 'second', tenant: 'given', settings };
      await stores.tenants.addGroup(second, 'test', now);
    });
    after(async () => {
      await stores.close();
      rmSync(directory, { recursive: true, force: true });
    });

    const add = async (tenant: string, group = tenant) => {
      const id = fresh('device');
      const added = await stores.devices.add({ id, tenant, group, names: [] }, 'ann', now);
      assert.equal(added.kind, 'added');
      return id;
    };
    const seek = async (key: string, changes: Partial<StagedRequest> = {}) => {
      const outcome = await stores.stagingArea.seek({
        ...{ group: 'given', tenant: 'given', device: fresh('dev'), newcomer: true },
        ...{ publicKeyDigest: key, subject: '', names: [], source: fresh('source') },
        ...{ credential: { kind: 'request-key', id: key }, requestId: 'r' },
        ...{ at: now, expiresAt: later(1000) },
        ...changes,
      });
      return outcome.kind === 'waits' ? outcome.staged : assert.fail(JSON.stringify(outcome));
    };
    const approve = async (id: string, changes: Partial<Confirmation> = {}) => {
      const outcome = await stores.stagingArea.approve(id, { by: 'ann', at: later(1), ...changes });
      return outcome.kind === 'refused' ? outcome.reason : outcome.kind;
    };
    const certify = async (subscriber: string, publicKeyDigest: string) => {
      const outcome = await stores.ledger.recordIntent({
        ...{ issuer: 'issuer', serialNumber: fresh('01'), toBeSigned: Uint8Array.of(0x30, 0) },
        ...{ publicKeyDigest, requestDigest: fresh('request'), profile: 'device', subscriber },
        ...{ credential: { kind: 'operator', id: 'test' }, notBefore: now, notAfter: later(9999) },
        ...{ requestId: 'r', recordedAt: now },
      });
      assert.equal(outcome.kind, 'recorded');
    };
    /** As no command writes it. */
    const write = (statement: string, ...values: string[]) => {
      using database = new DatabaseSync(join(directory, databaseFile));
      database.exec('pragma busy_timeout = 2000');
      assert.equal(database.prepare(statement).run(...values).changes, 1);
    };

    test('a key that another device has a certificate for by now is confirmed for nobody', async () => {
      const key = fresh('key');
      const { id } = await seek(key);
      await certify(await add('theirs'), key);
      const pump = fresh('pump');
      assert.match(await approve(id, { as: pump }), /certified for another device/);
      assert.equal(await stores.devices.find(pump), undefined);
    });

    test('the id of a device in another group of the same tenant is taken', async () => {
      const { id } = await seek(fresh('key'));
      const elsewhere = await add('given', 'second');
      assert.match(await approve(id, { as: elsewhere }), /is taken by a device that is not in/);
      assert.equal((await stores.devices.find(elsewhere))?.device.firstKey, undefined);
    });

    test('what waits for one tenant is not let in by a group that is another one’s now', async () => {
      const { id } = await seek(fresh('key'), { tenant: 'theirs' });
      const pump = fresh('pump');
      assert.match(await approve(id, { as: pump }), /has no staging area any more/);
      assert.equal(await stores.devices.find(pump), undefined);
    });

    test('the id of a device that is recorded with the group, and with another tenant, is taken', async () => {
      const { id } = await seek(fresh('key'));
      const moved = await add('given');
      write(`update device set tenant = 'theirs' where id = ?`, moved);
      assert.match(await approve(id, { as: moved }), /is taken by a device that is not in/);
    });

    test('what was decided for a device is over when it is removed, whatever it was called before', async () => {
      const [key, pump] = [fresh('key'), fresh('pump')];
      const { id } = await seek(key);
      assert.equal(await approve(id, { as: pump }), 'decided');
      assert.equal(await approve(id, { as: pump }), 'decided', 'the same once more');
      await stores.devices.remove(pump, 'ann', later(2));
      assert.equal(await approve(id, { as: pump, at: later(3) }), 'conflict');
    });

    test('a group is its own tenant’s for whom a password or the registry finds, whatever the device says', async () => {
      const device = await add('given');
      const passwordHash = fresh('hash');
      const times = { createdAt: now, expiresAt: later(1000) };
      const password = { id: fresh('otp'), device, passwordHash, ...times, by: 'test' };
      await stores.oneTimePasswords.create(password);
      write(`update device set tenant = 'theirs' where id = ?`, device);
      const attempt = { userName: device, source: 's', at: later(1), requestId: 'r' };
      const byPassword = await stores.oneTimePasswords.match({ ...attempt, passwordHash });
      assert.ok(byPassword.kind === 'matched');
      for (const found of [byPassword, await stores.devices.find(device)])
        assert.deepEqual([found?.tenant.id, found?.group.tenant], ['theirs', 'given']);
    });
  });
