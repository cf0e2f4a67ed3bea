/**
 * What every implementation of the ports owes, run over each engine there is.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Intent } from '../ca/issuance-ledger.ts';
import { defaultSettings, type GroupSettings } from '../enrollment/group-settings.ts';
import type {
  AuthenticationAttempt,
  FailureLimits,
} from '../enrollment/one-time-password-store.ts';
import { engines } from '../test/support/storage-engines.ts';
import type { OpenStores } from './stores.ts';

const limits: FailureLimits = {
  perCredentialAndSource: 3,
  perCredential: 6,
  perSource: 20,
  windowSeconds: 60,
};

const now = new Date('2030-01-01T00:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
let counter = 0;
const fresh = (prefix: string) => `${prefix}-${++counter}`;

for (const [engine, open] of Object.entries(engines)) {
  describe(engine, () => {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-contract-'));
    let stores: OpenStores;
    before(async () => {
      stores = await open(directory, limits);
      await stores.tenants.add(
        { id: 'acme', endpoints: ['mqtts://a.example'], label: 'acme' },
        'test',
        now,
      );
    });
    after(async () => {
      await stores.close();
      rmSync(directory, { recursive: true, force: true });
    });

    const addDevice = async () => {
      const id = fresh('device');
      await stores.devices.add({ id, tenant: 'acme', names: ['DNS:a.example'] }, 'test', now);
      return id;
    };
    const addPassword = async (device: string) => {
      const id = fresh('otp');
      const password = {
        id,
        device,
        passwordHash: `hash-${id}`,
        createdAt: now,
        expiresAt: later(100),
        by: 'test',
      };
      await stores.oneTimePasswords.create(password);
      return password;
    };
    const intentOf = (subscriber: string, id: string, changes: Partial<Intent> = {}): Intent => ({
      issuer: 'issuer',
      serialNumber: fresh('01'),
      toBeSigned: Uint8Array.of(0x30, 0),
      publicKeyDigest: `key-of-${subscriber}`,
      requestDigest: `request-of-${subscriber}`,
      profile: 'device',
      subscriber,
      credential: { kind: 'one-time-password', id },
      notBefore: now,
      notAfter: later(1000),
      requestId: fresh('request'),
      recordedAt: later(1),
      ...changes,
    });
    const attemptOf = (
      userName: string,
      passwordHash: string,
      source: string,
    ): AuthenticationAttempt => ({
      userName,
      passwordHash,
      source,
      at: later(1),
      requestId: 'r',
    });

    describe('issuance ledger', () => {
      test('an intent becomes a certificate, and the first certificate stays', async () => {
        const device = await addDevice();
        const intent = intentOf(device, (await addPassword(device)).id);
        assert.deepEqual(await stores.ledger.recordIntent(intent), { kind: 'recorded' });
        const open = await stores.ledger.find(intent.issuer, intent.serialNumber);
        assert.equal(open?.certificate, undefined);
        const first = await stores.ledger.recordCertificate(
          intent,
          Uint8Array.of(1),
          later(2),
          'r',
        );
        const second = await stores.ledger.recordCertificate(
          intent,
          Uint8Array.of(2),
          later(3),
          'r',
        );
        assert.deepEqual([...first], [1]);
        assert.deepEqual([...second], [1]);
        const found = await stores.ledger.find(intent.issuer, intent.serialNumber);
        assert.deepEqual(found?.issuedAt, later(2));
        assert.equal(found?.subscriber, device);
      });

      test('of racing requests with one password and different keys, one is recorded', async () => {
        const device = await addDevice();
        const { id } = await addPassword(device);
        const outcomes = await Promise.all(
          Array.from({ length: 20 }, (_, i) =>
            stores.ledger.recordIntent(
              intentOf(device, id, {
                publicKeyDigest: `${device}-${i}`,
                requestDigest: `${device}-${i}`,
              }),
            ),
          ),
        );
        assert.equal(outcomes.filter(({ kind }) => kind === 'recorded').length, 1);
        assert.equal(
          outcomes.filter((o) => o.kind === 'refused' && o.code === 'credential-spent').length,
          19,
        );
        assert.equal((await stores.ledger.list({ subscriber: device, limit: 50 })).length, 1);
      });

      test('the same request repeats, with the record it made before', async () => {
        const device = await addDevice();
        const { id } = await addPassword(device);
        const intent = intentOf(device, id);
        await stores.ledger.recordIntent(intent);
        const again = await stores.ledger.recordIntent({ ...intent, serialNumber: fresh('01') });
        assert.equal(again.kind === 'repeated' && again.record.serialNumber, intent.serialNumber);
      });

      test('what another issuer was asked for is not repeated by this one', async () => {
        const device = await addDevice();
        const { id } = await addPassword(device);
        const intent = intentOf(device, id);
        await stores.ledger.recordIntent(intent);
        const other = { ...intent, issuer: 'another', serialNumber: fresh('01') };
        const outcome = await stores.ledger.recordIntent(other);
        assert.equal(outcome.kind === 'refused' && outcome.code, 'credential-spent');
      });

      test('a revoked certificate is not repeated', async () => {
        const device = await addDevice();
        const { id } = await addPassword(device);
        const intent = intentOf(device, id);
        await stores.ledger.recordIntent(intent);
        const order = { reason: 'superseded', at: later(2), by: 'test' } as const;
        const revoked = await stores.ledger.revoke(intent.issuer, intent.serialNumber, order);
        assert.equal(revoked?.revocationReason, 'superseded');
        const again = await stores.ledger.recordIntent({ ...intent, serialNumber: fresh('01') });
        assert.equal(again.kind === 'refused' && again.code, 'credential-spent');
        await assert.rejects(
          stores.ledger.recordCertificate(intent, Uint8Array.of(1), later(3), 'r'),
        );
      });

      test('revoking twice keeps the first time and reason', async () => {
        const device = await addDevice();
        const intent = intentOf(device, (await addPassword(device)).id);
        await stores.ledger.recordIntent(intent);
        await stores.ledger.revoke(intent.issuer, intent.serialNumber, {
          reason: 'superseded',
          at: later(2),
          by: 'a',
        });
        const again = await stores.ledger.revoke(intent.issuer, intent.serialNumber, {
          reason: 'cessationOfOperation',
          at: later(9),
          by: 'b',
        });
        assert.deepEqual([again?.revocationReason, again?.revokedAt], ['superseded', later(2)]);
      });

      test('a serial number is never used twice, and nothing is spent by the attempt', async () => {
        const [one, other] = [await addDevice(), await addDevice()];
        const first = intentOf(one, (await addPassword(one)).id);
        await stores.ledger.recordIntent(first);
        const password = await addPassword(other);
        const clash = intentOf(other, password.id, { serialNumber: first.serialNumber });
        await assert.rejects(stores.ledger.recordIntent(clash));
        assert.equal((await stores.ledger.find(first.issuer, first.serialNumber))?.subscriber, one);
        const [kept] = await stores.oneTimePasswords.list({ device: other, limit: 1 });
        assert.equal(kept?.state, 'unused');
      });

      test("a key that is certified for one device is refused to another, and to the CA's own", async () => {
        const [one, other] = [await addDevice(), await addDevice()];
        const first = intentOf(one, (await addPassword(one)).id);
        await stores.ledger.recordIntent(first);
        const { publicKeyDigest } = first;
        const outcome = await stores.ledger.recordIntent(
          intentOf(other, (await addPassword(other)).id, { publicKeyDigest }),
        );
        assert.equal(outcome.kind === 'refused' && outcome.code, 'key-in-use');
      });

      test('what a blocked or removed device asks for is refused', async () => {
        const device = await addDevice();
        const { id } = await addPassword(device);
        await stores.devices.setStatus(device, 'blocked', 'test', now);
        const blocked = await stores.ledger.recordIntent(intentOf(device, id));
        assert.equal(blocked.kind === 'refused' && blocked.code, 'subscriber-inactive');
        await stores.devices.remove(device, 'test', now);
        const removed = await stores.ledger.recordIntent(intentOf(device, id));
        assert.equal(removed.kind === 'refused' && removed.code, 'subscriber-inactive');
      });

      for (const [what, changes] of Object.entries({
        'an expired password': { recordedAt: later(100) },
        'a password of another device': {
          credential: { kind: 'one-time-password', id: 'otp-of-nobody' },
        },
      } as const))
        test(`${what} is refused`, async () => {
          const device = await addDevice();
          const { id } = await addPassword(device);
          const outcome = await stores.ledger.recordIntent(intentOf(device, id, changes));
          assert.equal(outcome.kind === 'refused' && outcome.code, 'credential-spent');
        });

      test("another device's client certificate is refused", async () => {
        const [holder, thief] = [await addDevice(), await addDevice()];
        const held = intentOf(holder, (await addPassword(holder)).id);
        await stores.ledger.recordIntent(held);
        const credential = { kind: 'client-certificate', id: held.serialNumber } as const;
        const outcome = await stores.ledger.recordIntent(intentOf(thief, '', { credential }));
        assert.equal(outcome.kind === 'refused' && outcome.code, 'credential-spent');
      });

      test('a client certificate counts while it is neither revoked nor expired, and repeats for ten minutes', async () => {
        const device = await addDevice();
        const held = intentOf(device, (await addPassword(device)).id);
        await stores.ledger.recordIntent(held);
        const credential = { kind: 'client-certificate', id: held.serialNumber } as const;
        const renewal = intentOf(device, '', { credential, requestDigest: fresh('renewal') });
        assert.equal((await stores.ledger.recordIntent(renewal)).kind, 'recorded');
        const again = { ...renewal, serialNumber: fresh('01'), recordedAt: later(600) };
        assert.equal((await stores.ledger.recordIntent(again)).kind, 'repeated');
        const next = { ...renewal, serialNumber: fresh('01'), recordedAt: later(700) };
        assert.equal((await stores.ledger.recordIntent(next)).kind, 'recorded');
        const late = { ...renewal, serialNumber: fresh('01'), recordedAt: later(2000) };
        assert.equal((await stores.ledger.recordIntent(late)).kind, 'refused');
        await stores.ledger.revoke(held.issuer, held.serialNumber, {
          reason: 'unspecified',
          at: now,
          by: 'test',
        });
        const other = { ...renewal, serialNumber: fresh('01'), requestDigest: fresh('renewal') };
        assert.equal((await stores.ledger.recordIntent(other)).kind, 'refused');
      });
    });

    describe('device registry', () => {
      test('a device is added once, found with its tenant, listed', async () => {
        const id = fresh('device');
        const device = { id, tenant: 'acme', serialNumber: 'S 1', names: ['DNS:x.example'] };
        const added = await stores.devices.add(device, 'test', now);
        assert.equal(added.kind, 'added');
        assert.equal((await stores.devices.add(device, 'test', now)).kind, 'exists');
        const found = await stores.devices.find(id);
        assert.deepEqual(found?.device, {
          ...device,
          group: 'acme',
          status: 'active',
          role: 'device',
        });
        assert.deepEqual(found?.tenant.endpoints, ['mqtts://a.example']);
        const listed = await stores.devices.list({ tenant: 'acme', limit: 1000 });
        assert.ok(listed.some((d) => d.id === id));
      });

      test('a device of an unknown tenant or group is refused', async () => {
        const base = { id: fresh('device'), names: [] };
        assert.equal(
          (await stores.devices.add({ ...base, tenant: 'nobody' }, 'test', now)).kind,
          'refused',
        );
        const group = await stores.devices.add(
          { ...base, tenant: 'acme', group: 'nothing' },
          'test',
          now,
        );
        assert.equal(group.kind, 'refused');
      });

      test('removing a device revokes its passwords and certificates', async () => {
        const device = await addDevice();
        const spent = await addPassword(device);
        const unused = await addPassword(device);
        const intent = intentOf(device, spent.id);
        await stores.ledger.recordIntent(intent);
        await stores.ledger.recordCertificate(intent, Uint8Array.of(1), later(2), 'r');
        assert.equal(await stores.devices.remove(device, 'test', later(3)), true);
        assert.equal(await stores.devices.remove(device, 'test', later(3)), false);
        const record = await stores.ledger.find(intent.issuer, intent.serialNumber);
        assert.equal(record?.revocationReason, 'cessationOfOperation');
        await stores.devices.add({ id: device, tenant: 'acme', names: [] }, 'test', later(4));
        const outcome = await stores.oneTimePasswords.match(
          attemptOf(device, unused.passwordHash, '192.0.2.9'),
        );
        assert.equal(outcome.kind, 'failed');
      });
    });

    describe('tenant directory', () => {
      test('a label belongs to one tenant', async () => {
        const clash = await stores.tenants.add(
          { id: 'other', endpoints: [], label: 'acme' },
          'test',
          now,
        );
        assert.equal(clash.kind, 'refused');
        assert.equal(await stores.tenants.find('other'), undefined);
        assert.deepEqual(await stores.tenants.groupOf('acme'), {
          label: 'acme',
          tenant: 'acme',
          settings: defaultSettings,
        });
        assert.equal(await stores.tenants.groupOf('nothing'), undefined);
      });

      test('groups are added to a tenant, found by their label and changed', async () => {
        const label = fresh('group');
        const settings = { ...defaultSettings, linking: 'required' } as const;
        const group = { label, tenant: 'acme', settings };
        assert.deepEqual(await stores.tenants.addGroup(group, 'test', now), {
          kind: 'added',
          value: group,
        });
        assert.equal((await stores.tenants.addGroup(group, 'test', now)).kind, 'exists');
        const taken = { ...group, tenant: 'nobody', label: fresh('group') };
        assert.equal((await stores.tenants.addGroup(taken, 'test', now)).kind, 'refused');
        assert.deepEqual(await stores.tenants.groupOf(label), group);
        const change = (of: string, changes: Partial<GroupSettings>) =>
          stores.tenants.changeSettings(of, changes, 'test', now);
        const changed = { ...group, settings: { ...settings, linking: 'off', approval: true } };
        await change(label, { linking: 'off' });
        assert.deepEqual(await change(label, { approval: true }), {
          kind: 'changed',
          group: changed,
        });
        assert.equal((await change('nothing', { linking: 'off' })).kind, 'unknown');
        assert.equal(
          (await change(label, { serverKeys: 'token', keyTypes: ['Ed25519'] })).kind,
          'refused',
        );
        const listed = await stores.tenants.groups({ tenant: 'acme' });
        assert.deepEqual(
          listed.find((g) => g.label === label),
          changed,
        );
      });

      test('a device and a password know their group', async () => {
        const label = fresh('group');
        const settings = { ...defaultSettings, linking: 'required' } as const;
        await stores.tenants.addGroup({ label, tenant: 'acme', settings }, 'test', now);
        const id = fresh('device');
        await stores.devices.add({ id, tenant: 'acme', group: label, names: [] }, 'test', now);
        assert.equal((await stores.devices.find(id))?.group.settings.linking, 'required');
        const { passwordHash } = await addPassword(id);
        const outcome = await stores.oneTimePasswords.match(
          attemptOf(id, passwordHash, '192.0.2.4'),
        );
        assert.equal(outcome.kind === 'matched' && outcome.group.label, label);
      });

      test('endpoints are replaced, in their order', async () => {
        const id = fresh('tenant');
        await stores.tenants.add({ id, endpoints: [], label: id }, 'test', now);
        const uris = ['mqtts://b.example', 'mqtts://a.example'];
        assert.deepEqual(
          (await stores.tenants.setEndpoints(id, uris, 'test', now))?.endpoints,
          uris,
        );
        assert.deepEqual((await stores.tenants.find(id))?.tenant.endpoints, uris);
        assert.equal(await stores.tenants.setEndpoints('nobody', uris, 'test', now), undefined);
      });
    });

    describe('one-time passwords', () => {
      test('match by device id, by credential id and alone', async () => {
        const device = await addDevice();
        const { id, passwordHash } = await addPassword(device);
        for (const userName of [device, id, '']) {
          const outcome = await stores.oneTimePasswords.match(
            attemptOf(userName, passwordHash, '192.0.2.1'),
          );
          assert.equal(outcome.kind === 'matched' && outcome.device.id, device, userName);
        }
      });

      test('every other way fails', async () => {
        const device = await addDevice();
        const { id, passwordHash } = await addPassword(device);
        const attempt = attemptOf(device, passwordHash, fresh('source'));
        for (const wrong of [
          { passwordHash: 'other' },
          { userName: 'device-x' },
          { at: later(100) },
          { group: 'other-group' },
        ]) {
          const outcome = await stores.oneTimePasswords.match({
            ...attempt,
            source: fresh('source'),
            ...wrong,
          });
          assert.equal(outcome.kind, 'failed', JSON.stringify(wrong));
        }
        assert.equal((await stores.oneTimePasswords.revoke(id, 'test', now))?.state, 'revoked');
        assert.equal((await stores.oneTimePasswords.match(attempt)).kind, 'failed');
      });

      test('failures lead to a pause for that credential and source, which ends with the window', async () => {
        const device = await addDevice();
        const { passwordHash } = await addPassword(device);
        const source = fresh('source');
        for (let i = 0; i < limits.perCredentialAndSource; i++)
          await stores.oneTimePasswords.match(attemptOf(device, `wrong-${i}`, source));
        const right = attemptOf(device, passwordHash, source);
        const paused = await stores.oneTimePasswords.match(right);
        assert.equal(paused.kind === 'paused' && paused.retryAfter, 60);
        const elsewhere = await stores.oneTimePasswords.match({
          ...right,
          source: fresh('source'),
        });
        assert.equal(elsewhere.kind, 'matched');
        const after = await stores.oneTimePasswords.match({ ...right, at: later(62) });
        assert.equal(after.kind, 'matched');
      });

      test('one credential is paused for all sources, one source for all credentials', async () => {
        const device = await addDevice();
        const { passwordHash } = await addPassword(device);
        for (let i = 0; i < limits.perCredential; i++)
          await stores.oneTimePasswords.match(attemptOf(device, 'wrong', fresh('source')));
        const right = await stores.oneTimePasswords.match(
          attemptOf(device, passwordHash, fresh('source')),
        );
        assert.equal(right.kind, 'paused');
        const source = fresh('source');
        for (let i = 0; i < limits.perSource; i++)
          await stores.oneTimePasswords.match(attemptOf(fresh('guess'), 'wrong', source));
        const other = await addDevice();
        const { passwordHash: otherHash } = await addPassword(other);
        assert.equal(
          (await stores.oneTimePasswords.match(attemptOf(other, otherHash, source))).kind,
          'paused',
        );
      });

      test('a spent password cannot be revoked, and shows the key it was spent on', async () => {
        const device = await addDevice();
        const { id, passwordHash } = await addPassword(device);
        await stores.ledger.recordIntent(intentOf(device, id));
        assert.equal((await stores.oneTimePasswords.revoke(id, 'test', now))?.state, 'spent');
        const outcome = await stores.oneTimePasswords.match(
          attemptOf(device, passwordHash, '192.0.2.3'),
        );
        assert.equal(
          outcome.kind === 'matched' && outcome.password.publicKeyDigest,
          `key-of-${device}`,
        );
      });
    });
  });
}
