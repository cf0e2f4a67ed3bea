/**
 * What an implementation of the ledger owes where a renewal ends the certificate that it takes the place of.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Intent, Renewal, RevocationReason } from '../ca/issuance-ledger.ts';
import { engines } from '../test/support/storage-engines.ts';
import type { OpenStores } from './stores.ts';

const limits = { perCredentialAndSource: 3, perCredential: 6, perSource: 20, windowSeconds: 60 };
const now = new Date('2030-01-01T00:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
const issuer = 'issuer';
let counter = 0;
const fresh = (prefix: string) => `${prefix}-${++counter}`;

for (const [engine, open] of Object.entries(engines)) {
  describe(engine, () => {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-superseded-'));
    let stores: OpenStores;
    before(async () => {
      stores = await open(directory, limits);
      await stores.tenants.add({ id: 'acme', endpoints: [], label: 'acme' }, 'test', now);
    });
    after(async () => {
      await stores.close();
      rmSync(directory, { recursive: true, force: true });
    });

    async function addDevice(): Promise<string> {
      const id = fresh('device');
      await stores.devices.add({ id, tenant: 'acme', names: [] }, 'test', now);
      return id;
    }
    async function intend(subscriber: string, changes: Partial<Intent> = {}): Promise<Intent> {
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
      return intent;
    }
    const fulfil = (intent: Intent, seconds: number, supersedesAtOnce: boolean) => {
      const key = { issuer: intent.issuer, serialNumber: intent.serialNumber, supersedesAtOnce };
      return stores.ledger.recordCertificate(key, Uint8Array.of(1), later(seconds), 'r');
    };
    async function issue(subscriber: string, changes: Partial<Intent> = {}): Promise<Intent> {
      const intent = await intend(subscriber, changes);
      await fulfil(intent, 0, false);
      return intent;
    }
    const renewalFor = (subscriber: string, { serialNumber }: Intent): Partial<Intent> => ({
      credential: { kind: 'client-certificate', id: serialNumber },
      subscriber,
      supersedes: serialNumber,
    });
    /** A device, its certificate, and the one that took its place five seconds later. */
    async function renewed(supersedesAtOnce = true) {
      const device = await addDevice();
      const old = await issue(device);
      const renewal = await intend(device, renewalFor(device, old));
      await fulfil(renewal, 5, supersedesAtOnce);
      const asked: Renewal = {
        serialNumber: old.serialNumber,
        subscriber: device,
        requestDigest: renewal.requestDigest,
        issuedSince: later(5),
      };
      return { device, old, renewal, asked };
    }
    const revoke = ({ serialNumber }: Intent, reason: RevocationReason) =>
      stores.ledger.revoke(issuer, serialNumber, { reason, at: later(6), by: 'test' });
    const stateOf = async ({ issuer, serialNumber }: Intent) => {
      const record = await stores.ledger.find(issuer, serialNumber);
      return [record?.revocationReason, record?.revokedAt];
    };
    const good = [undefined, undefined];

    test('at once: the old certificate ends with the issuance of the new one, not with its intent', async () => {
      const device = await addDevice();
      const old = await issue(device);
      const renewal = await intend(device, renewalFor(device, old));
      assert.deepEqual(await stateOf(old), good);
      await fulfil(renewal, 5, true);
      assert.deepEqual(await stateOf(old), ['superseded', later(5)]);
      assert.deepEqual(await stateOf(renewal), good);
    });

    test('by use: it stays until then', async () => {
      const { old, renewal } = await renewed(false);
      assert.deepEqual(await stateOf(old), good);
      await stores.ledger.supersede(issuer, renewal.serialNumber, later(9));
      assert.deepEqual(await stateOf(old), ['superseded', later(9)]);
    });

    test('a second signature of the same intent ends nothing more', async () => {
      const { old, renewal } = await renewed();
      await fulfil(renewal, 9, true);
      assert.deepEqual(await stateOf(old), ['superseded', later(5)]);
    });

    test('what was revoked for another reason keeps it', async () => {
      const device = await addDevice();
      const old = await issue(device);
      const renewal = await intend(device, renewalFor(device, old));
      await revoke(old, 'keyCompromise');
      await fulfil(renewal, 9, true);
      assert.deepEqual(await stateOf(old), ['keyCompromise', later(6)]);
    });

    for (const atOnce of [true, false])
      test(`under its own issuer, where the CA has another key since (${atOnce ? 'at once' : 'by use'})`, async () => {
        const [device, other] = [await addDevice(), await addDevice()];
        const old = await issue(device, { issuer: 'before' });
        const { serialNumber } = old;
        const namesake = await issue(other, { issuer: 'elsewhere', serialNumber });
        const renewal = await intend(device, { supersedes: serialNumber });
        await fulfil(renewal, 5, atOnce);
        if (!atOnce) await stores.ledger.supersede(issuer, renewal.serialNumber, later(5));
        assert.deepEqual(await stateOf(old), ['superseded', later(5)]);
        assert.deepEqual(await stateOf(namesake), good);
      });

    test('another device’s certificate stays as it is', async () => {
      const [device, other] = [await addDevice(), await addDevice()];
      const foreign = await issue(other);
      const renewal = await intend(device, { supersedes: foreign.serialNumber });
      await fulfil(renewal, 5, true);
      await stores.ledger.supersede(issuer, renewal.serialNumber, later(6));
      assert.deepEqual(await stateOf(foreign), good);
    });

    describe('the answer that was lost', () => {
      test('is on record for who asks for the same', async () => {
        const { asked, renewal } = await renewed();
        const record = await stores.ledger.renewalOf(asked);
        assert.equal(record?.serialNumber, renewal.serialNumber);
        assert.deepEqual([...(record?.certificate ?? [])], [1]);
      });

      const others: Record<string, Partial<Renewal>> = {
        'another request': { requestDigest: 'other' },
        'another certificate': { serialNumber: 'other' },
        'another device': { subscriber: 'other' },
        'too late': { issuedSince: later(6) },
      };
      for (const [what, change] of Object.entries(others))
        test(`not for ${what}`, async () => {
          const { asked } = await renewed();
          assert.equal(await stores.ledger.renewalOf({ ...asked, ...change }), undefined);
        });

      test('not once the new certificate was used', async () => {
        const { asked, renewal } = await renewed();
        await stores.ledger.supersede(issuer, renewal.serialNumber, later(6));
        assert.equal(await stores.ledger.renewalOf(asked), undefined);
      });

      test('not once the new certificate is revoked or on hold', async () => {
        for (const reason of ['unspecified', 'certificateHold'] as const) {
          const { asked, renewal } = await renewed();
          await revoke(renewal, reason);
          assert.equal(await stores.ledger.renewalOf(asked), undefined);
        }
      });

      test('not while there is but an intent', async () => {
        const device = await addDevice();
        const old = await issue(device);
        const { requestDigest } = await intend(device, renewalFor(device, old));
        const asked = { serialNumber: old.serialNumber, subscriber: device, requestDigest };
        assert.equal(await stores.ledger.renewalOf({ ...asked, issuedSince: now }), undefined);
      });

      test('not where another credential brought it', async () => {
        const device = await addDevice();
        const old = await issue(device);
        const { serialNumber } = old;
        const renewal = await intend(device, { supersedes: serialNumber });
        await fulfil(renewal, 5, true);
        const { requestDigest } = renewal;
        const asked = { serialNumber, subscriber: device, requestDigest, issuedSince: now };
        assert.equal(await stores.ledger.renewalOf(asked), undefined);
      });
    });
  });
}
