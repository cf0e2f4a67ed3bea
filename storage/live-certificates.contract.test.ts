/** What an implementation of the ledger owes to who asks whether a key of the CA is still needed. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { RevocationReason } from '../ca/issuance-ledger.ts';
import { engines } from '../test/support/storage-engines.ts';
import type { OpenStores } from './stores.ts';

const limits = { perCredentialAndSource: 3, perCredential: 6, perSource: 20, windowSeconds: 60 };
const now = new Date('2030-01-01T00:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);

for (const [engine, open] of Object.entries(engines)) {
  describe(engine, () => {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-live-'));
    let stores: OpenStores;
    before(async () => {
      stores = await open(directory, limits);
      await stores.tenants.add({ id: 'acme', endpoints: [], label: 'acme' }, 'test', now);
      await stores.devices.add({ id: 'device', tenant: 'acme', names: [] }, 'test', now);
    });
    after(async () => {
      await stores.close();
      rmSync(directory, { recursive: true, force: true });
    });

    let counter = 0;
    async function intend(issuer: string, notAfter: Date, subscriber?: string): Promise<string> {
      const serialNumber = `01${++counter}`;
      const outcome = await stores.ledger.recordIntent({
        issuer,
        serialNumber,
        toBeSigned: Uint8Array.of(0x30, 0),
        publicKeyDigest: `key ${counter}`,
        requestDigest: `request ${counter}`,
        profile: 'device',
        ...(subscriber === undefined ? {} : { subscriber }),
        credential: { kind: 'operator', id: 'test' },
        notBefore: now,
        notAfter,
        requestId: 'r',
        recordedAt: now,
      });
      assert.equal(outcome.kind, 'recorded');
      return serialNumber;
    }
    const revoke = (serial: string, reason: RevocationReason) =>
      stores.ledger.revoke('old', serial, { reason, at: now, by: 'test' });
    const live = (issuer = 'old', at = later(1)) => stores.ledger.liveCertificates(issuer, at);

    test('counts those of devices that have not ended, and tells when the last will', async () => {
      assert.deepEqual(await live(), { count: 0 });
      await intend('old', later(100), 'device');
      await intend('old', later(50), 'device');
      // Those of the server itself are replaced with the key.
      await intend('old', later(999));
      await intend('other', later(999), 'device');
      assert.deepEqual(await live(), { count: 2, lastEnds: later(100) });
      assert.deepEqual(await live('old', later(60)), { count: 1, lastEnds: later(100) });
      assert.deepEqual(await live('old', later(100)), { count: 0 });
    });

    test('does not count what is revoked for good, but what is on hold', async () => {
      const [held, gone] = [
        await intend('old', later(200), 'device'),
        await intend('old', later(300), 'device'),
      ];
      await revoke(held, 'certificateHold');
      await revoke(gone, 'superseded');
      assert.deepEqual(await live('old', later(150)), { count: 1, lastEnds: later(200) });
    });
  });
}
