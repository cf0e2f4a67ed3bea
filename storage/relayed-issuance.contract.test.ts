/**
 * What every implementation owes of issuances that a registration authority relays, of revocation challenges, and of the
 * registry's names and roles, run over each engine there is.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import type { Intent, IntentOutcome } from '../ca/issuance-ledger.ts';
import type { NewDevice } from '../enrollment/device-registry.ts';
import { defaultSettings } from '../enrollment/group-settings.ts';
import { databaseFile, engines } from '../test/support/storage-engines.ts';
import type { OpenStores } from './stores.ts';

const limits = { perCredentialAndSource: 9, perCredential: 9, perSource: 9, windowSeconds: 60 };
const now = new Date('2030-01-01T00:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
let counter = 0;
const fresh = (prefix: string) => `${prefix}-${++counter}`;

for (const [engine, open] of Object.entries(engines))
  describe(engine, () => {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-relayed-'));
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

    describe('an issuance that a registration authority relays', () => {
      /** A registration authority and its certificate, as a credential. */
      async function authority() {
        const id = await addDevice({ role: 'registration-authority' });
        const intent = intentOf(id);
        await stores.ledger.recordIntent(intent);
        const credential = { kind: 'registration-authority', id: intent.serialNumber } as const;
        return { relayedBy: id, credential, intent };
      }

      test('is on record with it', async () => {
        const { relayedBy, credential } = await authority();
        const intent = intentOf(await addDevice(), { relayedBy, credential, linking: 'waived' });
        assert.equal(codeOf(await stores.ledger.recordIntent(intent)), 'recorded');
        const record = await stores.ledger.find(intent.issuer, intent.serialNumber);
        assert.equal(record?.relayedBy, relayedBy);
        assert.deepEqual(record?.credential, credential);
        const [entry] = auditOf(intent.serialNumber);
        assert.equal(entry?.details.relayedBy, relayedBy);
        assert.equal(entry?.details.linking, 'waived');
        assert.deepEqual(entry?.details.credential, credential);
        const again = { ...intent, serialNumber: fresh('01') };
        assert.equal(codeOf(await stores.ledger.recordIntent(again)), 'repeated');
      });

      test('is refused once its certificate is revoked', async () => {
        const { relayedBy, credential, intent: own } = await authority();
        const order = { reason: 'keyCompromise', at: later(10), by: 'test' } as const;
        await stores.ledger.revoke(own.issuer, own.serialNumber, order);
        const intent = intentOf(await addDevice(), { relayedBy, credential });
        assert.equal(codeOf(await stores.ledger.recordIntent(intent)), 'credential-spent');
      });

      test('is refused once its certificate has expired', async () => {
        const { relayedBy, credential } = await authority();
        const recordedAt = later(1000);
        const intent = intentOf(await addDevice(), { relayedBy, credential, recordedAt });
        assert.equal(codeOf(await stores.ledger.recordIntent(intent)), 'credential-spent');
      });

      test("is refused with another one's certificate, the device's, or none's", async () => {
        const { relayedBy } = await authority();
        const { credential: foreign, relayedBy: other } = await authority();
        const device = await addDevice();
        const own = intentOf(device);
        await stores.ledger.recordIntent(own);
        const kind = 'registration-authority';
        for (const changes of [
          { relayedBy, credential: foreign },
          { credential: foreign },
          { relayedBy: other, credential: { kind, id: own.serialNumber } },
          { relayedBy: other, credential: { kind, id: 'nothing' } },
          { credential: { kind, id: own.serialNumber } },
        ] as const) {
          const outcome = await stores.ledger.recordIntent(intentOf(device, changes));
          assert.equal(codeOf(outcome), 'credential-spent', JSON.stringify(changes));
        }
      });

      test('is refused while it is blocked', async () => {
        const { relayedBy, credential } = await authority();
        await stores.devices.setStatus(relayedBy, 'blocked', 'test', later(10));
        const intent = intentOf(await addDevice(), { relayedBy, credential });
        assert.equal(codeOf(await stores.ledger.recordIntent(intent)), 'subscriber-inactive');
        await stores.devices.setStatus(relayedBy, 'active', 'test', later(10));
        assert.equal(codeOf(await stores.ledger.recordIntent(intent)), 'recorded');
      });
    });

    test('a revocation challenge is on record as it was concealed, and not in the audit log', async () => {
      const intent = intentOf(await addDevice(), { revocationChallenge: 'salt.hash' });
      await stores.ledger.recordIntent(intent);
      const record = await stores.ledger.find(intent.issuer, intent.serialNumber);
      assert.equal(record?.revocationChallenge, 'salt.hash');
      assert.ok(!JSON.stringify(auditOf(intent.serialNumber)).includes('salt.hash'));
    });

    describe('device registry', () => {
      test('names are replaced, and what they became is in the audit log', async () => {
        const device = await addDevice({ names: ['DNS:old.example'] });
        const names = ['DNS:a.example', 'DNS:b.example'];
        const changed = await stores.devices.setNames(device, names, 'alice', now);
        assert.deepEqual(changed?.names, names);
        assert.deepEqual((await stores.devices.find(device))?.device, changed);
        assert.deepEqual((await stores.devices.setNames(device, [], 'alice', now))?.names, []);
        assert.equal(await stores.devices.setNames('nobody', names, 'alice', now), undefined);
        const [, first] = auditOf(device);
        assert.deepEqual(first, {
          actor: 'alice',
          action: 'device.names-set',
          request_id: null,
          details: { names },
        });
      });

      test('a registration authority and a group that asks for certificate and password exclude each other', async () => {
        const role = 'registration-authority';
        const settings = { ...defaultSettings, credentials: 'both' } as const;
        const [both, either] = [fresh('both'), fresh('either')];
        const group = { tenant: 'acme', settings };
        await stores.tenants.addGroup({ ...group, label: both }, 'test', now);
        const other = { ...group, label: either, settings: defaultSettings };
        await stores.tenants.addGroup(other, 'test', now);
        const device = { id: fresh('ra'), tenant: 'acme', names: [], role } as const;
        const added = await stores.devices.add({ ...device, group: both }, 'test', now);
        assert.equal(added.kind, 'contradiction');
        assert.ok('reason' in added && added.reason.includes(`The group ${both} asks for`));
        assert.equal(await stores.devices.find(device.id), undefined);
        await addDevice({ group: both });

        await addDevice({ group: either });
        const set = (credentials: 'both' | 'either') =>
          stores.tenants.changeSettings(either, { credentials }, 'test', now);
        assert.equal((await set('both')).kind, 'changed');
        await set('either');
        assert.equal(
          (await stores.devices.add({ ...device, group: either }, 't', now)).kind,
          'added',
        );
        const change = await set('both');
        assert.ok(change.kind === 'refused' && change.reason.endsWith(`this is ${device.id}.`));
        assert.equal((await stores.tenants.groupOf(either))?.settings.credentials, 'either');
      });

      test('a registration authority is known as one, and to the audit log', async () => {
        const role = 'registration-authority';
        const id = await addDevice({ role });
        assert.equal((await stores.devices.find(id))?.device.role, role);
        const listed = await stores.devices.list({ tenant: 'acme', limit: 1000 });
        assert.equal(listed.find((device) => device.id === id)?.role, role);
        const [entry] = auditOf(id);
        assert.equal(entry?.details.role, role);
        const credential = await addPassword(id);
        const outcome = await stores.oneTimePasswords.match({
          userName: id,
          passwordHash: `hash-of-${credential}`,
          source: '192.0.2.1',
          at: now,
          requestId: 'r',
        });
        assert.equal(outcome.kind === 'matched' && outcome.device.role, role);
      });
    });
  });
