/**
 * What every implementation owes of manufacturers and of the devices that their certificates identify, run over each engine
 * there is.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import type { Intent } from '../ca/issuance-ledger.ts';
import type { NewDevice } from '../enrollment/device-registry.ts';
import { parseFieldSource } from '../enrollment/field-source.ts';
import type { Manufacturer } from '../enrollment/manufacturer.ts';
import { type ForgedCa, forgeCa } from '../test/support/forged-factory.ts';
import { databaseFile, engines } from '../test/support/storage-engines.ts';
import type { OpenStores } from './stores.ts';

const limits = { perCredentialAndSource: 9, perCredential: 9, perSource: 9, windowSeconds: 60 };
const now = new Date('2030-01-01T00:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
let counter = 0;
const fresh = (prefix: string) => `${prefix}-${++counter}`;

const manufacturer = (id: string, anchor: ForgedCa, more: Partial<Manufacturer> = {}) => ({
  id,
  anchors: [anchor.der],
  intermediates: [],
  serialFrom: parseFieldSource('subject:serialNumber', 'serial'),
  models: [],
  tenants: [],
  ...more,
});

/** As octets, which come back in another class. */
const plain = (of: Manufacturer | undefined) =>
  of && {
    ...of,
    anchors: of.anchors.map((der) => Buffer.from(der).toString('hex')),
    intermediates: of.intermediates.map((der) => Buffer.from(der).toString('hex')),
  };

for (const [engine, open] of Object.entries(engines))
  describe(engine, () => {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-manufacturers-'));
    let stores: OpenStores;
    let maker: ForgedCa;
    before(async () => {
      stores = await open(directory, limits);
      maker = await forgeCa('Maker');
      for (const id of ['acme', 'globex'])
        await stores.tenants.add({ id, endpoints: [], label: id }, 'test', now);
      const settings = { identity: 'factory-certificate', possession: 'none' } as const;
      await stores.tenants.changeSettings('acme', settings, 'test', now);
      await stores.manufacturers.add(manufacturer('maker', maker), 'ann', now);
    });
    after(async () => {
      await stores.close();
      rmSync(directory, { recursive: true, force: true });
    });

    const add = async (changes: Partial<NewDevice> = {}) => {
      const id = fresh('device');
      const known = { serialNumber: id, manufacturer: 'maker', tenant: 'acme', names: [] };
      const outcome = await stores.devices.add({ id, ...known, ...changes }, 'ann', now);
      return { id, outcome };
    };
    const intentOf = (subscriber: string, key: string, changes: Partial<Intent> = {}): Intent => ({
      issuer: 'issuer',
      serialNumber: fresh('01'),
      toBeSigned: Uint8Array.of(0x30, 0),
      publicKeyDigest: fresh('key'),
      requestDigest: fresh('request'),
      profile: 'device',
      subscriber,
      credential: { kind: 'factory-certificate', id: key },
      notBefore: now,
      notAfter: later(1_000_000),
      requestId: fresh('request'),
      recordedAt: later(1),
      ...changes,
    });
    const outcomeOf = async (intent: Intent) => {
      const foreseen = await stores.ledger.objectionTo(intent);
      const outcome = await stores.ledger.recordIntent(intent);
      const code = outcome.kind === 'refused' ? outcome.code : outcome.kind;
      // What was foreseen is what comes.
      assert.equal(foreseen?.code, outcome.kind === 'refused' ? outcome.code : undefined);
      return code;
    };
    const audited = (object: string, action: string) => {
      const database = new DatabaseSync(join(directory, databaseFile), { readOnly: true });
      try {
        const query = 'select actor, details from audit_log where object = ? and action = ?';
        return database.prepare(query).all(object, action);
      } finally {
        database.close();
      }
    };
    const deviceOf = async (id: string) => (await stores.devices.find(id))?.device;

    test('a manufacturer is what was added', async () => {
      const made = manufacturer('full', await forgeCa('Full'), {
        intermediates: [(await forgeCa('Below')).der, (await forgeCa('Below too')).der],
        serialFrom: parseFieldSource('subject:commonName=Pump-{serial}', 'serial'),
        modelFrom: parseFieldSource('san:hwType', 'model'),
        models: ['1.2', '1.3'],
        tenants: ['acme'],
      });
      assert.equal((await stores.manufacturers.add(made, 'ann', now)).kind, 'added');
      assert.deepEqual(plain(await stores.manufacturers.find('full')), plain(made));
      const ids = (await stores.manufacturers.list()).map(({ id }) => id);
      assert.deepEqual(ids, ['full', 'maker']);
      assert.equal(audited('full', 'manufacturer.added')[0]?.actor, 'ann');
      assert.equal((await stores.manufacturers.add(made, 'ann', now)).kind, 'exists');
      assert.equal(await stores.manufacturers.find('nobody'), undefined);
    });

    test('a trust anchor is of one manufacturer, and a tenant must be there', async () => {
      const twin = await stores.manufacturers.add(manufacturer('twin', maker), 'ann', now);
      assert.deepEqual(twin, {
        kind: 'refused',
        reason: 'The key of a trust anchor is that of the manufacturer maker.',
      });
      const lost = manufacturer('lost', await forgeCa('Lost'), { tenants: ['acme', 'nobody'] });
      assert.equal((await stores.manufacturers.add(lost, 'ann', now)).kind, 'refused');
      assert.equal(await stores.manufacturers.find('lost'), undefined);
    });

    test('a device is found by its manufacturer and number together', async () => {
      const { id } = await add({ serialNumber: 'found' });
      const found = await stores.manufacturers.deviceOf('maker', 'found');
      assert.equal(found?.device.id, id);
      assert.equal(found?.group.label, 'acme');
      assert.equal(found?.device.manufacturer, 'maker');
      assert.equal(await stores.manufacturers.deviceOf('full', 'found'), undefined);
      assert.equal(await stores.manufacturers.deviceOf('maker', 'FOUND'), undefined);
    });

    test('what does not go together is refused', async () => {
      await add({ serialNumber: 'taken' });
      const cases: Record<string, Partial<NewDevice>> = {
        'is the one with the serial number': { serialNumber: 'taken' },
        'no manufacturer nobody': { manufacturer: 'nobody' },
        'not one for tenant globex': { manufacturer: 'full', tenant: 'globex' },
        'by no factory certificate': { role: 'registration-authority' },
      };
      for (const [sentence, changes] of Object.entries(cases)) {
        const { outcome } = await add(changes);
        assert.ok(outcome.kind === 'contradiction', sentence);
        assert.ok(outcome.reason.includes(sentence), outcome.reason);
      }
      const id = fresh('device');
      const bare = { id, manufacturer: 'maker', tenant: 'acme', names: [] };
      assert.equal((await stores.devices.add(bare, 'ann', now)).kind, 'contradiction');
    });

    test('the first use pins the key, and serves once', async () => {
      const { id } = await add();
      const key = fresh('factory');
      const first = intentOf(id, key);
      assert.equal(await outcomeOf(first), 'recorded');
      const device = await deviceOf(id);
      assert.equal(device?.factoryKey, key);
      assert.deepEqual(device?.factoryUsedAt, later(1));
      assert.equal(audited(id, 'device.factory-key-pinned').length, 1);
      // A lost answer, however late.
      const again = { ...first, serialNumber: fresh('01'), recordedAt: later(90_000) };
      assert.equal(await outcomeOf(again), 'repeated');
      assert.equal(await outcomeOf(intentOf(id, key)), 'factory-certificate-used');
      assert.equal(await outcomeOf(intentOf(id, fresh('factory'))), 'factory-key-mismatch');
      assert.equal((await deviceOf(id))?.factoryKey, key);
    });

    test('what has expired is not given again', async () => {
      const { id } = await add();
      const first = intentOf(id, fresh('factory'), { notAfter: later(100) });
      assert.equal(await outcomeOf(first), 'recorded');
      const again = { ...first, serialNumber: fresh('01'), recordedAt: later(101) };
      assert.equal(await outcomeOf(again), 'factory-certificate-used');
    });

    test('after a reset it serves again, with its key or with another', async () => {
      const { id } = await add();
      const [key, other] = [fresh('factory'), fresh('factory')];
      const first = intentOf(id, key);
      assert.equal(await outcomeOf(first), 'recorded');
      const reset = await stores.manufacturers.reset(id, false, 'bob', later(2));
      assert.equal(reset?.factoryUsedAt, undefined);
      assert.equal(reset?.factoryKey, key);
      assert.equal(await outcomeOf(intentOf(id, other)), 'factory-key-mismatch');
      const again = { ...first, serialNumber: fresh('01'), recordedAt: later(3) };
      assert.equal(await outcomeOf(again), 'recorded');
      await stores.manufacturers.reset(id, true, 'bob', later(4));
      assert.equal(await outcomeOf(intentOf(id, other)), 'recorded');
      assert.equal((await deviceOf(id))?.factoryKey, other);
      assert.equal(audited(id, 'device.factory-reset').length, 2);
      assert.equal(await stores.manufacturers.reset('nobody', true, 'bob', now), undefined);
    });

    test('a group may let it serve repeatedly, and a lost answer is still one', async () => {
      const { id } = await add();
      const change = { factoryUse: 'repeatedly' } as const;
      await stores.tenants.changeSettings('acme', change, 'ann', now);
      const key = fresh('factory');
      const first = intentOf(id, key);
      assert.equal(await outcomeOf(first), 'recorded');
      assert.equal(await outcomeOf(intentOf(id, key)), 'recorded');
      const soon = { ...first, serialNumber: fresh('01'), recordedAt: later(60) };
      assert.equal(await outcomeOf(soon), 'repeated');
      const late = { ...first, serialNumber: fresh('01'), recordedAt: later(3600) };
      assert.equal(await outcomeOf(late), 'recorded');
      await stores.tenants.changeSettings('acme', { factoryUse: 'once' }, 'ann', now);
    });

    test('of requests at once, one is granted', async () => {
      const { id } = await add();
      const key = fresh('factory');
      const outcomes = await Promise.all(
        Array.from({ length: 5 }, () => stores.ledger.recordIntent(intentOf(id, key))),
      );
      assert.equal(outcomes.filter(({ kind }) => kind === 'recorded').length, 1);
    });

    test('a factory key is one device’s', async () => {
      const [one, other] = [await add(), await add()];
      const key = fresh('factory');
      assert.equal(await outcomeOf(intentOf(one.id, key)), 'recorded');
      assert.equal(await outcomeOf(intentOf(other.id, key)), 'factory-key-mismatch');
    });

    test('what was withdrawn since the device was identified counts', async () => {
      const { id } = await add();
      const off = { identity: 'registered', possession: 'one-time-password' } as const;
      await stores.tenants.changeSettings('acme', off, 'ann', now);
      assert.equal(await outcomeOf(intentOf(id, fresh('factory'))), 'credential-spent');
      const on = { identity: 'factory-certificate', possession: 'none' } as const;
      await stores.tenants.changeSettings('acme', on, 'ann', now);
      const nobody = fresh('device');
      await stores.devices.add({ id: nobody, tenant: 'acme', names: [] }, 'ann', now);
      assert.equal(await outcomeOf(intentOf(nobody, fresh('factory'))), 'credential-spent');
      await stores.devices.setStatus(id, 'blocked', 'ann', now);
      assert.equal(await outcomeOf(intentOf(id, fresh('factory'))), 'subscriber-inactive');
    });

    test('a foreign key is reported once for each', async () => {
      const { id } = await add();
      const report = (publicKeyDigest: string) =>
        stores.manufacturers.reportForeignKey({
          device: id,
          publicKeyDigest,
          source: '192.0.2.1',
          requestId: 'r',
          at: now,
        });
      for (const key of ['a', 'a', 'b', 'b']) await report(key);
      assert.equal(audited(id, 'device.foreign-factory-key').length, 2);
      assert.equal((await deviceOf(id))?.foreignFactoryKey, 'b');
    });

    test('a manufacturer that devices name is not removed by accident', async () => {
      const made = manufacturer('going', await forgeCa('Going'));
      await stores.manufacturers.add(made, 'ann', now);
      const { id } = await add({ manufacturer: 'going' });
      await outcomeOf(intentOf(id, fresh('factory')));
      const { manufacturers } = stores;
      assert.deepEqual(await manufacturers.remove('going', false, 'ann', now), {
        kind: 'in-use',
        devices: 1,
      });
      assert.deepEqual(await manufacturers.remove('going', true, 'ann', now), {
        kind: 'removed',
        devices: 1,
      });
      const device = await deviceOf(id);
      assert.equal(device?.manufacturer, undefined);
      assert.equal(device?.factoryKey, undefined);
      assert.deepEqual(await manufacturers.remove('going', true, 'ann', now), { kind: 'unknown' });
      assert.equal((await manufacturers.add(made, 'ann', now)).kind, 'added');
    });

    test('trust anchors of manufacturers are no part of the state of the CA', () => {
      const database = new DatabaseSync(join(directory, databaseFile), { readOnly: true });
      try {
        const states = database.prepare('select count(*) as states from ca_state').get();
        assert.equal(states?.states, 0);
      } finally {
        database.close();
      }
    });
  });
