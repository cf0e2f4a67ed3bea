/**
 * What every implementation owes of allocation policies and marks, run over each engine there is.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import type { AllocationPolicy } from '../enrollment/allocation/allocation-policy.ts';
import { defaultSettings } from '../enrollment/group-settings.ts';
import { databaseFile, engines } from '../test/support/storage-engines.ts';
import type { OpenStores } from './stores.ts';

const limits = { perCredentialAndSource: 9, perCredential: 9, perSource: 9, windowSeconds: 60 };
const now = new Date('2030-01-01T00:00:00Z');
const later = new Date('2030-01-02T00:00:00Z');
let counter = 0;
const fresh = (prefix: string) => `${prefix}-${++counter}`;
const policy: AllocationPolicy = {
  allocate: 'region',
  regionFrom: [{ from: 'network', networks: { '10.0.0.0/8': 'eu' } }],
  regions: { eu: { allocate: 'fixed', endpoints: ['mqtts://eu.example'] } },
  quarantine: ['mqtts://q.example'],
};

for (const [engine, open] of Object.entries(engines))
  describe(engine, () => {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-allocation-'));
    let stores: OpenStores;
    before(async () => {
      stores = await open(directory, limits);
      await stores.tenants.add({ id: 'acme', endpoints: [], label: 'acme' }, 'test', now);
    });
    after(async () => {
      await stores.close();
      rmSync(directory, { recursive: true, force: true });
    });

    const addGroup = async () => {
      const label = fresh('group');
      await stores.tenants.addGroup(
        { label, tenant: 'acme', settings: defaultSettings },
        'test',
        now,
      );
      return label;
    };
    const policyOf = async (label: string) =>
      (await stores.allocation.policies()).find((each) => each.label === label);
    const auditOf = (object: string) => {
      const database = new DatabaseSync(join(directory, databaseFile), { readOnly: true });
      try {
        const query = 'select action, actor from audit_log where object = ? order by id';
        return database
          .prepare(query)
          .all(object)
          .map(({ action, actor }) => `${action} by ${actor}`);
      } finally {
        database.close();
      }
    };
    /** Whether the servers are told. */
    const counts = async (change: () => Promise<unknown>) => {
      const before = await stores.allocation.revision();
      await change();
      return (await stores.allocation.revision()) - before;
    };

    test('a policy is kept as it was set, and takes the place of the one before', async () => {
      const label = await addGroup();
      assert.equal(await policyOf(label), undefined);
      assert.equal(await stores.allocation.setPolicy(label, policy, 'ann', now), true);
      assert.deepEqual(await policyOf(label), { label, policy, setAt: now, setBy: 'ann' });
      const next: AllocationPolicy = { allocate: 'tenant' };
      assert.equal(await counts(() => stores.allocation.setPolicy(label, next, 'bob', later)), 1);
      assert.deepEqual(await policyOf(label), { label, policy: next, setAt: later, setBy: 'bob' });
    });

    test('a policy is taken back', async () => {
      const label = await addGroup();
      await stores.allocation.setPolicy(label, policy, 'ann', now);
      assert.equal(
        await counts(() => stores.allocation.setPolicy(label, undefined, 'bob', now)),
        1,
      );
      assert.equal(await policyOf(label), undefined);
      assert.deepEqual(auditOf(label), [
        'group.added by test',
        'allocation.set by ann',
        'allocation.reset by bob',
      ]);
    });

    test('a group that is not there gets none', async () => {
      const set = () => stores.allocation.setPolicy('nowhere', policy, 'ann', now);
      assert.equal(await counts(set), 0);
      assert.equal(await set(), false);
      assert.deepEqual(auditOf('nowhere'), []);
    });

    test('an endpoint is marked down once, and up again once', async () => {
      const endpoint = `mqtts://${fresh('down')}.example`;
      const mark = (state: 'up' | 'down') => stores.allocation.mark(endpoint, state, 'ann', now);
      const isDown = async () =>
        (await stores.allocation.down()).find((each) => each.endpoint === endpoint);
      assert.equal(await mark('up'), false);
      assert.equal(await counts(() => mark('down')), 1);
      assert.equal(await counts(() => mark('down')), 0);
      assert.deepEqual(await isDown(), { endpoint, since: now, by: 'ann' });
      assert.equal(await counts(() => mark('up')), 1);
      assert.equal(await isDown(), undefined);
      assert.deepEqual(auditOf(endpoint), ['endpoint.down by ann', 'endpoint.up by ann']);
    });

    test('the quarantine of a tenant is known with its devices', async () => {
      const id = fresh('tenant');
      await stores.tenants.add({ id, endpoints: [], label: id }, 'test', now);
      await stores.devices.add({ id: `of-${id}`, tenant: id, names: [] }, 'test', now);
      const quarantineOf = async () => (await stores.devices.find(`of-${id}`))?.tenant.quarantine;
      assert.equal(await quarantineOf(), undefined);
      await stores.tenants.setQuarantine(id, ['mqtts://q.example'], 'ann', now);
      assert.deepEqual(await quarantineOf(), ['mqtts://q.example']);
      await stores.tenants.setQuarantine(id, [], 'ann', now);
      assert.equal(await quarantineOf(), undefined);
      assert.deepEqual(auditOf(id).slice(-2), Array(2).fill('tenant.quarantine-set by ann'));
      assert.equal(await stores.tenants.setQuarantine('nobody', [], 'ann', now), undefined);
    });

    test('what a request showed is on record with its certificate', async () => {
      const device = fresh('device');
      await stores.devices.add({ id: device, tenant: 'acme', names: [] }, 'test', now);
      const intentOf = (serialNumber: string, foundRegions?: Record<string, string>) => ({
        issuer: 'issuer',
        serialNumber,
        toBeSigned: Uint8Array.of(0x30, 0),
        publicKeyDigest: `key-${device}`,
        requestDigest: serialNumber,
        profile: 'device',
        subscriber: device,
        credential: { kind: 'operator', id: 'ann' } as const,
        notBefore: now,
        notAfter: later,
        requestId: 'r',
        recordedAt: now,
        ...(foundRegions ? { foundRegions } : {}),
      });
      const [one, two] = [fresh('01'), fresh('01')];
      await stores.ledger.recordIntent(intentOf(one, { certificate: 'eu' }));
      await stores.ledger.recordIntent(intentOf(two));
      const foundIn = async (serial: string) =>
        (await stores.ledger.find('issuer', serial))?.foundRegions;
      assert.deepEqual(await foundIn(one), { certificate: 'eu' });
      assert.equal(await foundIn(two), undefined);
    });
  });
