/**
 * What every store owes about pairing codes: five failures for a device, whatever is sent at once and however often a new
 * code is made; and the journey of an order list.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { FailureLimits } from '../enrollment/one-time-password-store.ts';
import type { OrderedDevice } from '../enrollment/order-lists.ts';
import { mostPairingFailures, type PairingCodeKind } from '../enrollment/pairing-code.ts';
import { engines } from '../test/support/storage-engines.ts';
import type { OpenStores } from './stores.ts';

/** So that nothing but the count for the device stops anybody. */
const limits: FailureLimits = {
  perCredentialAndSource: 1000,
  perCredential: 1000,
  perSource: 1000,
  windowSeconds: 60,
};
const now = new Date('2030-01-01T00:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
let counter = 0;
const fresh = (prefix: string) => `${prefix}-${++counter}`;

for (const [engine, open] of Object.entries(engines))
  describe(engine, () => {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-contract-'));
    let stores: OpenStores;
    before(async () => {
      stores = await open(directory, limits);
      const acme = { id: 'acme', endpoints: ['mqtts://a.example'], label: 'acme' };
      await stores.tenants.add(acme, 'test', now);
    });
    after(async () => {
      await stores.close();
      rmSync(directory, { recursive: true, force: true });
    });

    const addDevice = async () => {
      const id = fresh('device');
      await stores.devices.add({ id, tenant: 'acme', names: [] }, 'test', now);
      return id;
    };
    const addCode = async (device: string, kind: PairingCodeKind = 'numeric-pairing-code') => {
      const id = fresh('otp');
      const times = { createdAt: now, expiresAt: later(900) };
      const record = { id, kind, device, passwordHash: `hash-${id}`, ...times, by: 'test' };
      await stores.oneTimePasswords.create(record);
      return record;
    };
    const match = (userName: string, passwordHash: string, at = later(1)) =>
      stores.oneTimePasswords.match({
        userName,
        passwordHash,
        source: '192.0.2.1',
        at,
        requestId: 'r',
        pairing: true,
      });
    const fail = async (device: string, times: number) => {
      const outcomes = await Promise.all(
        Array.from({ length: times }, () => match(device, fresh('wrong'))),
      );
      assert.ok(outcomes.every(({ kind }) => kind === 'failed'));
    };
    const failures = (device: string) => stores.oneTimePasswords.pairingFailures(device);
    const spend = async (device: string, id: string) => {
      const outcome = await stores.ledger.recordIntent({
        issuer: 'issuer',
        serialNumber: fresh('01'),
        toBeSigned: Uint8Array.of(0x30, 0),
        publicKeyDigest: `key-of-${device}`,
        requestDigest: `request-of-${device}`,
        profile: 'device',
        subscriber: device,
        credential: { kind: 'one-time-password', id },
        notBefore: now,
        notAfter: later(1000),
        requestId: 'r',
        recordedAt: later(2),
      });
      assert.equal(outcome.kind, 'recorded');
    };

    test('a code matches for its device, and the failures before it are forgotten when it is spent', async () => {
      const device = await addDevice();
      const { id, passwordHash } = await addCode(device);
      await fail(device, mostPairingFailures - 1);
      assert.equal((await match(device, passwordHash)).kind, 'matched');
      assert.equal(await failures(device), 4);
      await spend(device, id);
      assert.equal(await failures(device), 0);
      await fail(device, mostPairingFailures);
      assert.equal((await match(device, passwordHash)).kind, 'matched', 'to repeat the request');
    });

    test('after five failures no code of the device is taken, however many come at once', async () => {
      const device = await addDevice();
      const { passwordHash } = await addCode(device);
      const race = [
        ...Array.from({ length: mostPairingFailures }, () => match(device, fresh('wrong'))),
        match(device, passwordHash),
      ];
      assert.ok((await Promise.all(race)).every(({ kind }) => kind === 'failed'));
      await fail(device, 20);
      assert.equal(await failures(device), mostPairingFailures);
      const another = await addCode(device);
      const outcome = await match(device, another.passwordHash, later(800));
      assert.ok(outcome.kind === 'failed' && outcome.reason.includes('--forget-failures'));
      await stores.oneTimePasswords.forgetPairingFailures(device, 'test', later(3));
      assert.equal((await match(device, another.passwordHash)).kind, 'matched');
      assert.equal((await match(device, passwordHash)).kind, 'failed', 'a new code ends the old');
    });

    test('failures count for the device alone, and while it waits for a code alone', async () => {
      const [waiting, bystander, idle] = [await addDevice(), await addDevice(), await addDevice()];
      const code = await addCode(bystander);
      await addCode(waiting);
      await fail(waiting, mostPairingFailures);
      await fail(idle, 3);
      await fail('nobody', 3);
      assert.equal((await match(bystander, code.passwordHash)).kind, 'matched');
      assert.deepEqual(await Promise.all([waiting, bystander, idle].map(failures)), [5, 0, 0]);
    });

    test('a code that is sent for another device fails that one; without a name, its own', async () => {
      const [one, other] = [await addDevice(), await addDevice()];
      const code = await addCode(one, 'long-pairing-code');
      await addCode(other);
      assert.equal((await match(other, code.passwordHash)).kind, 'failed');
      assert.deepEqual(await Promise.all([one, other].map(failures)), [0, 1]);
      assert.equal((await match('', code.passwordHash)).kind, 'matched');
      assert.equal((await match('', code.passwordHash, later(901))).kind, 'failed');
    });

    test('a device that is removed leaves no failures to the next of its name', async () => {
      const device = await addDevice();
      await addCode(device);
      await fail(device, mostPairingFailures);
      await stores.devices.remove(device, 'test', later(5));
      assert.equal(await failures(device), 0);
    });

    test('codes are no candidates where a password is only proven', async () => {
      const device = await addDevice();
      await addCode(device);
      const attempt = { userName: device, source: '192.0.2.1', at: later(1), requestId: 'r' };
      for (const find of ['findDigestCandidates', 'findSharedSecrets'] as const) {
        const outcome = await stores.oneTimePasswords[find](attempt, 5);
        assert.deepEqual(outcome, { kind: 'candidates', candidates: [] });
      }
    });

    describe('order lists', () => {
      const ordered = (row: number, id: string, more: object = {}): OrderedDevice => ({
        row,
        device: { id, tenant: 'acme', names: [], ...more },
      });
      const batch = (digest: string, through: number, ...devices: OrderedDevice[]) => ({
        ...{ digest, through, devices, refused: 1, errorsLength: through * 10 },
        ...{ by: 'test', at: later(10) },
      });

      test('a batch and how far the list is are there together, or not at all', async () => {
        const digest = fresh('digest');
        const [a, b, c] = [fresh('a'), fresh('b'), fresh('c')];
        const begun = await stores.orderLists.begin(digest, 'test', now);
        assert.deepEqual([begun.row, begun.added, begun.refused], [1, 0, 0]);
        const added = await stores.orderLists.add(batch(digest, 4, ordered(2, a), ordered(3, b)));
        assert.deepEqual(
          { ...added },
          { ...begun, row: 4, added: 2, refused: 1, errorsLength: 40 },
        );
        const clash = batch(digest, 6, ordered(5, c), ordered(6, a));
        assert.equal(await stores.orderLists.add(clash), undefined);
        assert.equal(await stores.devices.find(c), undefined);
        assert.deepEqual(await stores.orderLists.find(digest), added);
        await assert.rejects(stores.orderLists.add(batch(digest, 4, ordered(4, c))), /another/);
        assert.equal(await stores.devices.find(c), undefined);
        const ids = async (after: string) =>
          (await stores.orderLists.devicesOf(digest, { after, limit: 5 })).map(
            ({ device }) => device.id,
          );
        assert.deepEqual([await ids(''), await ids(a)], [[a, b], [b]]);
      });

      test('what keeps a device out is said with its column', async () => {
        const present = await addDevice();
        const rows = [
          ordered(2, fresh('good')),
          ordered(3, present),
          ordered(4, fresh('x'), { tenant: 'nobody' }),
          ordered(5, fresh('x'), { group: 'nowhere' }),
          ordered(6, fresh('x'), { manufacturer: 'unknown-maker', serialNumber: '1' }),
          ordered(7, fresh('x'), { manufacturer: 'unknown-maker' }),
        ];
        const refusals = await stores.orderLists.judge(rows);
        assert.deepEqual(
          refusals.map(({ row, column }) => [row, column]),
          [
            [3, 'id'],
            [4, 'tenant'],
            [5, 'group'],
            [6, 'manufacturer'],
            [7, 'serial'],
          ],
        );
      });

      test('passwords that are made again end those before, but none that was used', async () => {
        const [one, other] = [await addDevice(), await addDevice()];
        const used = await addCode(one);
        await spend(one, used.id);
        const make = async () => {
          const made = [one, other].map((device) => ({
            ...{ id: fresh('otp'), device, passwordHash: fresh('hash') },
            ...{ createdAt: now, expiresAt: later(900), by: 'test' },
          }));
          await stores.orderLists.replacePasswords(made);
        };
        await make();
        await make();
        const states = async (device: string) =>
          (await stores.oneTimePasswords.list({ device, limit: 9 }))
            .map(({ state }) => state)
            .sort();
        assert.deepEqual(await states(one), ['revoked', 'spent', 'unused']);
        assert.deepEqual(await states(other), ['revoked', 'unused']);
      });
    });
  });
