/**
 * What every implementation owes of the question whether an intent would be refused: the answer that recordIntent gives,
 * and no trace of having been asked. Run over each engine there is.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import type { Credential } from '../ca/certificate-plan.ts';
import type { ForeseenIntent, Intent } from '../ca/issuance-ledger.ts';
import { databaseFile, engines } from '../test/support/storage-engines.ts';
import type { OpenStores } from './stores.ts';

const limits = { perCredentialAndSource: 9, perCredential: 9, perSource: 9, windowSeconds: 60 };
const now = new Date('2030-01-01T00:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
let counter = 0;
const fresh = (prefix: string) => `${prefix}-${++counter}`;

for (const [engine, open] of Object.entries(engines))
  describe(engine, () => {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-foreseen-'));
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
    async function passwordOf(device: string): Promise<Credential> {
      const id = fresh('otp');
      const times = { createdAt: now, expiresAt: later(1000) };
      await stores.oneTimePasswords.create({ id, device, passwordHash: id, ...times, by: 'test' });
      return { kind: 'one-time-password', id };
    }
    /** A device with a password asks for its first certificate. */
    async function newcomer(changes: Partial<Intent> = {}): Promise<Intent> {
      const subscriber = await addDevice();
      return {
        issuer: 'issuer',
        serialNumber: fresh('01'),
        toBeSigned: Uint8Array.of(0x30, 0),
        publicKeyDigest: `key-of-${subscriber}`,
        requestDigest: `request-of-${subscriber}`,
        profile: 'device',
        subscriber,
        credential: await passwordOf(subscriber),
        notBefore: now,
        notAfter: later(1000),
        requestId: fresh('http'),
        recordedAt: later(20),
        ...changes,
      };
    }
    /** A device with a certificate asks for the next one by it. */
    async function renewer(): Promise<Intent> {
      const first = await newcomer();
      await stores.ledger.recordIntent(first);
      await stores.ledger.recordCertificate(first, Uint8Array.of(1), now, 'r');
      const requestDigest = fresh('request');
      const credential = { kind: 'client-certificate', id: first.serialNumber } as const;
      return { ...first, serialNumber: fresh('01'), requestDigest, credential };
    }
    const entries = () => {
      using database = new DatabaseSync(join(directory, databaseFile), { readOnly: true });
      return database.prepare('select count(*) as n from audit_log').get()?.n;
    };

    const cases: Record<string, [make: () => Promise<Intent>, code: string | undefined]> = {
      'a good password': [newcomer, undefined],
      'a password that repeats its request': [
        async () => {
          const intent = await newcomer();
          await stores.ledger.recordIntent(intent);
          return { ...intent, serialNumber: fresh('01') };
        },
        undefined,
      ],
      'a password spent on other content': [
        async () => {
          const intent = await newcomer();
          await stores.ledger.recordIntent(intent);
          return { ...intent, serialNumber: fresh('01'), requestDigest: fresh('request') };
        },
        'credential-spent',
      ],
      'a password that was revoked': [
        async () => {
          const intent = await newcomer();
          await stores.oneTimePasswords.revoke(intent.credential.id, 'test', now);
          return intent;
        },
        'credential-spent',
      ],
      'a password that has expired': [
        () => newcomer({ recordedAt: later(1000) }),
        'credential-spent',
      ],
      "another device's password": [
        async () => newcomer({ credential: await passwordOf(await addDevice()) }),
        'credential-spent',
      ],
      'a key of another device': [
        async () => {
          const { publicKeyDigest } = await renewer();
          return newcomer({ publicKeyDigest });
        },
        'key-in-use',
      ],
      'a blocked device': [
        async () => {
          const intent = await newcomer();
          await stores.devices.setStatus(intent.subscriber ?? '', 'blocked', 'test', now);
          return intent;
        },
        'subscriber-inactive',
      ],
      'a blocked registration authority': [
        async () => {
          const { serialNumber: id, subscriber: relayedBy = '' } = await renewer();
          await stores.devices.setStatus(relayedBy, 'blocked', 'test', now);
          return newcomer({ credential: { kind: 'registration-authority', id }, relayedBy });
        },
        'subscriber-inactive',
      ],
      'a good client certificate': [renewer, undefined],
      'a revoked client certificate': [
        async () => {
          const intent = await renewer();
          const order = { reason: 'unspecified', at: now, by: 'test' } as const;
          await stores.ledger.revoke(intent.issuer, intent.credential.id, order);
          return intent;
        },
        'credential-spent',
      ],
      'the certificate of a registration authority that does not relay': [
        async () => {
          const { credential } = await renewer();
          return newcomer({ credential: { ...credential, kind: 'registration-authority' } });
        },
        'credential-spent',
      ],
    };
    for (const [what, [make, expected]] of Object.entries(cases))
      test(`${what}: ${expected ?? 'no objection'}`, async () => {
        const intent = await make();
        const before = entries();
        const objection = await stores.ledger.objectionTo(intent);
        assert.equal(objection?.code, expected);
        assert.deepEqual(await stores.ledger.objectionTo(intent), objection, 'nothing was spent');
        assert.equal(entries(), before);
        const repetition = await stores.ledger.repetitionOf(intent);
        const outcome = await stores.ledger.recordIntent(intent);
        if (outcome.kind === 'repeated') assert.deepEqual(repetition, outcome.record);
        else assert.equal(repetition, undefined);
        if (objection) assert.deepEqual(outcome, objection);
        else assert.notEqual(outcome.kind, 'refused');
      });

    test('a key that is still to be made is in nobody’s hands', async () => {
      const { publicKeyDigest, ...intent } = await newcomer({ requestKeyDigest: 'key to come' });
      const foreseen: ForeseenIntent = intent;
      assert.ok(publicKeyDigest);
      assert.equal(await stores.ledger.objectionTo(foreseen), undefined);
    });
  });
