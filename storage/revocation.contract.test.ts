/**
 * What an implementation of the ledger owes where certificates are revoked, held, released and replaced, and to the clock.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import type { Intent, RevocationOrder, RevocationReason } from '../ca/issuance-ledger.ts';
import { databaseFile, engines } from '../test/support/storage-engines.ts';
import type { OpenStores } from './stores.ts';

const limits = { perCredentialAndSource: 3, perCredential: 6, perSource: 20, windowSeconds: 60 };
const now = new Date('2030-01-01T00:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
let counter = 0;
const fresh = (prefix: string) => `${prefix}-${++counter}`;

for (const [engine, open] of Object.entries(engines)) {
  describe(engine, () => {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-revocation-'));
    let stores: OpenStores;
    before(async () => {
      stores = await open(directory, limits);
      await stores.tenants.add({ id: 'acme', endpoints: [], label: 'acme' }, 'test', now);
    });
    after(async () => {
      await stores.close();
      rmSync(directory, { recursive: true, force: true });
    });

    const issuer = 'issuer';
    async function addDevice(): Promise<string> {
      const id = fresh('device');
      await stores.devices.add({ id, tenant: 'acme', names: [] }, 'test', now);
      return id;
    }
    async function intend(subscriber: string, changes: Partial<Intent> = {}): Promise<string> {
      const intent: Intent = {
        issuer,
        serialNumber: fresh('01'),
        toBeSigned: Uint8Array.of(0x30, 0),
        publicKeyDigest: fresh('key'),
        requestDigest: fresh('request'),
        profile: 'device',
        subscriber,
        credential: { kind: 'operator', id: 'test' },
        notBefore: now,
        notAfter: later(1000),
        requestId: fresh('r'),
        recordedAt: now,
        ...changes,
      };
      assert.equal((await stores.ledger.recordIntent(intent)).kind, 'recorded');
      return intent.serialNumber;
    }
    async function issue(subscriber: string, changes: Partial<Intent> = {}): Promise<string> {
      const serialNumber = await intend(subscriber, changes);
      const key = { issuer: changes.issuer ?? issuer, serialNumber };
      await stores.ledger.recordCertificate(key, Uint8Array.of(1), now, 'r');
      return serialNumber;
    }
    const order = (reason: RevocationReason, seconds = 5): RevocationOrder => ({
      reason,
      at: later(seconds),
      by: 'test',
    });
    const revoke = (serial: string, reason: RevocationReason, seconds = 5) =>
      stores.ledger.revoke(issuer, serial, order(reason, seconds));
    const release = (serial: string) => stores.ledger.release(issuer, serial, order('unspecified'));
    const stateOf = async (serial: string) => {
      const record = await stores.ledger.find(issuer, serial);
      return [record?.revocationReason, record?.revokedAt, record?.invalidityDate];
    };
    function auditOf(object: string): string[] {
      const database = new DatabaseSync(join(directory, databaseFile), { readOnly: true });
      const rows = database
        .prepare('select action from audit_log where object = ? order by id')
        .all(object);
      database.close();
      return rows.map(({ action }) => String(action));
    }

    describe('a hold', () => {
      test('ends in a release, after which nothing is left of it', async () => {
        const serial = await issue(await addDevice());
        const hold = { ...order('certificateHold'), invalidityDate: later(-60) };
        await stores.ledger.revoke(issuer, serial, hold);
        assert.deepEqual(await stateOf(serial), ['certificateHold', later(5), later(-60)]);
        assert.equal((await release(serial))?.released, true);
        assert.deepEqual(await stateOf(serial), [undefined, undefined, undefined]);
        assert.deepEqual(auditOf(serial).slice(2), ['certificate.held', 'certificate.released']);
      });

      test('or in a revocation, which counts from its beginning', async () => {
        const serial = await issue(await addDevice());
        await revoke(serial, 'certificateHold', 5);
        await revoke(serial, 'certificateHold', 6);
        await revoke(serial, 'keyCompromise', 9);
        assert.deepEqual(await stateOf(serial), ['keyCompromise', later(5), undefined]);
        assert.deepEqual(auditOf(serial).slice(2), ['certificate.held', 'certificate.revoked']);
      });

      test('keeps an intent from becoming a certificate, and its certificate from renewal', async () => {
        const device = await addDevice();
        const open = await intend(device);
        await revoke(open, 'certificateHold');
        const key = { issuer, serialNumber: open };
        await assert.rejects(stores.ledger.recordCertificate(key, Uint8Array.of(1), now, 'r'));
        const held = await issue(device);
        await revoke(held, 'certificateHold');
        const renewal = {
          issuer,
          serialNumber: fresh('01'),
          toBeSigned: Uint8Array.of(0x30, 0),
          publicKeyDigest: fresh('key'),
          requestDigest: fresh('request'),
          profile: 'device',
          subscriber: device,
          credential: { kind: 'client-certificate', id: held },
          notBefore: now,
          notAfter: later(1000),
          requestId: 'r',
          recordedAt: now,
        } as const;
        assert.equal((await stores.ledger.recordIntent(renewal)).kind, 'refused');
        await release(held);
        assert.equal((await stores.ledger.recordIntent(renewal)).kind, 'recorded');
      });

      test('becomes a revocation when its device is removed', async () => {
        const device = await addDevice();
        const serial = await issue(device);
        await revoke(serial, 'certificateHold');
        await stores.devices.remove(device, 'test', later(9));
        assert.equal((await stateOf(serial))[0], 'cessationOfOperation');
        assert.equal((await release(serial))?.released, false);
      });
    });

    test('a revocation is final', async () => {
      const serial = await issue(await addDevice());
      await stores.ledger.revoke(issuer, serial, {
        ...order('superseded', 2),
        invalidityDate: later(1),
      });
      const state = ['superseded', later(2), later(1)];
      await revoke(serial, 'privilegeWithdrawn', 9);
      await revoke(serial, 'certificateHold', 9);
      assert.equal((await release(serial))?.released, false);
      assert.deepEqual(await stateOf(serial), state);
      assert.deepEqual(auditOf(serial).slice(2), ['certificate.revoked']);
    });

    test('that the key is compromised is learned later too, and bars it', async () => {
      const device = await addDevice();
      const publicKeyDigest = fresh('key');
      const serial = await issue(device, { publicKeyDigest });
      await revoke(serial, 'superseded', 2);
      const before = await stores.crls.state({ issuer, partition: 0 });
      const records = await stores.ledger.revokeAll({ publicKeyDigest }, order('keyCompromise', 9));
      assert.deepEqual(
        records.map(({ revocationReason: reason }) => reason),
        ['keyCompromise'],
      );
      assert.deepEqual(await stateOf(serial), ['keyCompromise', later(2), undefined]);
      assert.notDeepEqual(
        await stores.crls.state({ issuer, partition: 0 }),
        before,
        'the next CRL says so',
      );
      await revoke(serial, 'superseded', 10);
      assert.deepEqual(await stateOf(serial), ['keyCompromise', later(2), undefined]);
      assert.deepEqual(auditOf(serial).slice(2), ['certificate.revoked', 'certificate.revoked']);
    });

    test('bars a key that was compromised, and no other', async () => {
      const device = await addDevice();
      const publicKeyDigest = fresh('key');
      const first = await issue(device, { publicKeyDigest });
      await revoke(first, 'superseded');
      const second = await issue(device, { publicKeyDigest });
      await revoke(second, 'keyCompromise');
      const refused = await stores.ledger.recordIntent({
        issuer,
        serialNumber: fresh('01'),
        toBeSigned: Uint8Array.of(0x30, 0),
        publicKeyDigest,
        requestDigest: fresh('request'),
        profile: 'device',
        subscriber: device,
        credential: { kind: 'operator', id: 'test' },
        notBefore: now,
        notAfter: later(1000),
        requestId: fresh('r'),
        recordedAt: now,
      });
      assert.equal(refused.kind === 'refused' && refused.code, 'key-compromised');
      await issue(device);
    });

    test('what is not on record, or not on hold, cannot be released', async () => {
      assert.equal(await release('0123'), undefined);
      const serial = await issue(await addDevice());
      assert.equal((await release(serial))?.released, false);
      assert.equal(auditOf(serial).length, 2);
    });

    describe('all certificates', () => {
      test('of a device, whoever issued them, intents too, and of no other', async () => {
        const [device, other] = [await addDevice(), await addDevice()];
        const first = await issue(device);
        const second = await issue(device, { issuer: 'another' });
        const open = await intend(device);
        const gone = await issue(device);
        await revoke(gone, 'superseded', 1);
        const kept = await issue(other);
        const records = await stores.ledger.revokeAll(
          { subscriber: device },
          order('keyCompromise'),
        );
        const reasons = new Map(records.map((r) => [r.serialNumber, r.revocationReason]));
        assert.deepEqual(
          reasons,
          new Map([
            [first, 'keyCompromise'],
            [second, 'keyCompromise'],
            [open, 'keyCompromise'],
            [gone, 'keyCompromise'],
          ]),
        );
        assert.deepEqual(await stateOf(kept), [undefined, undefined, undefined]);
        assert.deepEqual(auditOf(first).slice(2), ['certificate.revoked']);
      });

      test('over a key', async () => {
        const device = await addDevice();
        const publicKeyDigest = fresh('key');
        const serials = [
          await issue(device, { publicKeyDigest }),
          await issue(device, { publicKeyDigest }),
        ];
        const other = await issue(device);
        const records = await stores.ledger.revokeAll({ publicKeyDigest }, order('keyCompromise'));
        assert.deepEqual(records.map((r) => r.serialNumber).sort(), serials.sort());
        assert.deepEqual(await stateOf(other), [undefined, undefined, undefined]);
        assert.deepEqual(
          await stores.ledger.revokeAll({ publicKeyDigest: 'x' }, order('keyCompromise')),
          [],
        );
      });
    });

    describe('a certificate that takes the place of another', () => {
      test('ends it once, however many ask at the same time', async () => {
        const device = await addDevice();
        const old = await issue(device);
        const renewed = await issue(device, { supersedes: old });
        assert.equal((await stores.ledger.find(issuer, renewed))?.supersedes, old);
        await Promise.all([6, 7, 8].map((s) => stores.ledger.supersede(issuer, renewed, later(s))));
        assert.deepEqual(await stateOf(old), ['superseded', later(6), undefined]);
        assert.equal((await stores.ledger.find(issuer, renewed))?.supersedes, undefined);
        assert.deepEqual(auditOf(old).slice(2), ['certificate.revoked']);
      });

      test('leaves another reason as it is, and other certificates', async () => {
        const device = await addDevice();
        const old = await issue(device);
        const renewed = await issue(device, { supersedes: old });
        const unrelated = await issue(device);
        await revoke(old, 'keyCompromise', 1);
        await stores.ledger.supersede(issuer, renewed, later(6));
        await stores.ledger.supersede(issuer, unrelated, later(6));
        assert.equal((await stateOf(old))[0], 'keyCompromise');
        assert.deepEqual(await stateOf(renewed), [undefined, undefined, undefined]);
      });
    });

    test('intents that wait are listed by how long', async () => {
      const device = await addDevice();
      const [old, young] = [await intend(device), await intend(device, { recordedAt: later(9) })];
      await issue(device);
      await revoke(await intend(device), 'unspecified');
      const waiting = async (seconds: number) =>
        (
          await stores.ledger.list({
            subscriber: device,
            unfinishedSince: later(seconds),
            limit: 10,
          })
        ).map((record) => record.serialNumber);
      assert.deepEqual(await waiting(-1), []);
      assert.deepEqual(await waiting(8), [old]);
      assert.deepEqual(await waiting(9), [young, old]);
    });

    test('the latest time of the audit log stays when the clock goes back, until it is accepted', async () => {
      const serial = await issue(await addDevice());
      await revoke(serial, 'certificateHold', 5000);
      assert.deepEqual(await stores.ledger.latestEntry(), later(5000));
      await release(serial);
      assert.deepEqual(await stores.ledger.latestEntry(), later(5000));
      await stores.ledger.acceptClock(later(10), 'test');
      assert.deepEqual(await stores.ledger.latestEntry(), later(10));
      await revoke(serial, 'certificateHold', 11);
      assert.deepEqual(await stores.ledger.latestEntry(), later(11));
      assert.deepEqual(auditOf('clock'), ['clock.accepted']);
    });
  });
}
