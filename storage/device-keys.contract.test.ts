/**
 * What every implementation owes of the keys that devices decrypt with, run over each engine there is.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { engines } from '../test/support/storage-engines.ts';
import type { OpenStores } from './stores.ts';

const limits = { perCredentialAndSource: 9, perCredential: 9, perSource: 9, windowSeconds: 60 };
const now = new Date('2030-01-01T00:00:00Z');

for (const [engine, open] of Object.entries(engines))
  describe(engine, () => {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-device-keys-'));
    let stores: OpenStores;
    before(async () => {
      stores = await open(directory, limits);
      await stores.tenants.add({ id: 'acme', endpoints: [], label: 'acme' }, 'test', now);
      for (const id of ['a', 'b'])
        await stores.devices.add({ id, tenant: 'acme', names: [] }, 'test', now);
    });
    after(async () => {
      await stores.close();
      rmSync(directory, { recursive: true, force: true });
    });

    const keyOf = (device: string, id: string) =>
      ({ device, id, kind: 'public-key', material: Uint8Array.of(0x30, 0xff, 0) }) as const;

    test('a key is found by its device and identifier together', async () => {
      assert.equal(await stores.deviceKeys.add(keyOf('a', '01'), 'test', now), 'added');
      const found = await stores.deviceKeys.find('a', '01');
      assert.deepEqual(
        { ...found, material: Buffer.from(found?.material ?? []) },
        {
          ...keyOf('a', '01'),
          material: Buffer.from('30ff00', 'hex'),
          createdAt: now,
        },
      );
      assert.equal(await stores.deviceKeys.find('b', '01'), undefined);
      assert.equal(await stores.deviceKeys.find('a', '02'), undefined);
    });

    test('an identifier is taken once for each device', async () => {
      assert.equal(await stores.deviceKeys.add(keyOf('a', '03'), 'test', now), 'added');
      assert.equal(await stores.deviceKeys.add(keyOf('a', '03'), 'test', now), 'exists');
      assert.equal(await stores.deviceKeys.add(keyOf('b', '03'), 'test', now), 'added');
    });

    test('a device that is not registered has no keys', async () => {
      assert.equal(
        await stores.deviceKeys.add(keyOf('nobody', '01'), 'test', now),
        'unknown-device',
      );
    });

    test('keys are listed by device and identifier', async () => {
      const names = async (filter: { device?: string; limit: number }) =>
        (await stores.deviceKeys.list(filter)).map(({ device, id }) => `${device} ${id}`);
      assert.deepEqual(await names({ limit: 9 }), ['a 01', 'a 03', 'b 03']);
      assert.deepEqual(await names({ device: 'b', limit: 9 }), ['b 03']);
      assert.deepEqual(await names({ limit: 1 }), ['a 01']);
    });

    test('a key is removed once', async () => {
      assert.equal(await stores.deviceKeys.remove('a', '03', 'test', now), true);
      assert.equal(await stores.deviceKeys.remove('a', '03', 'test', now), false);
      assert.equal((await stores.deviceKeys.find('b', '03'))?.id, '03');
    });

    test('keys go with their device', async () => {
      await stores.devices.remove('a', 'test', now);
      assert.deepEqual(await stores.deviceKeys.list({ device: 'a', limit: 9 }), []);
      assert.equal((await stores.deviceKeys.list({ limit: 9 })).length, 1);
    });
  });
