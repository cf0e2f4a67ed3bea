/** What every implementation owes of first keys that a person confirms, run over each engine there is. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import type { Intent } from '../ca/issuance-ledger.ts';
import type { Confirmation, StagedDevice, StagedRequest } from '../enrollment/staging-area.ts';
import { databaseFile, engines } from '../test/support/storage-engines.ts';
import type { OpenStores } from './stores.ts';

const limits = { perCredentialAndSource: 9, perCredential: 9, perSource: 9, windowSeconds: 60 };
const now = new Date('2030-01-01T00:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
let counter = 0;
const fresh = (prefix: string) => `${prefix}-${++counter}`;

const groups = {
  listed: { possession: 'one-time-password', trust: 'staging' },
  nameless: { possession: 'none', trust: 'staging' },
  made: { identity: 'generated', possession: 'none', trust: 'staging' },
  shown: { identity: 'generated', possession: 'shown-code', trust: 'staging' },
  given: { identity: 'assigned', possession: 'none', trust: 'staging' },
  batch: { identity: 'generated', possession: 'bootstrap-credential', trust: 'staging' },
  trusting: {},
} as const;
type GroupName = keyof typeof groups;

for (const [engine, open] of Object.entries(engines))
  describe(engine, () => {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-staging-'));
    let stores: OpenStores;
    before(async () => {
      stores = await open(directory, limits);
      for (const [id, settings] of Object.entries(groups)) {
        await stores.tenants.add({ id, endpoints: [], label: id }, 'test', now);
        await stores.tenants.changeSettings(id, settings, 'test', now);
      }
    });
    after(async () => {
      await stores.close();
      rmSync(directory, { recursive: true, force: true });
    });

    const add = async (tenant: GroupName, id = fresh('device')) => {
      assert.equal((await stores.devices.add({ id, tenant, names: [] }, 'ann', now)).kind, 'added');
      return id;
    };
    const requestOf = (
      group: GroupName,
      device: string,
      publicKeyDigest: string,
      changes: Partial<StagedRequest> = {},
    ): StagedRequest => ({
      group,
      tenant: group,
      device,
      newcomer: true,
      publicKeyDigest,
      subject: `commonName=${device}`,
      names: ['DNS:a.example'],
      credential: { kind: 'request-key', id: publicKeyDigest },
      source: fresh('source'),
      requestId: fresh('http'),
      at: now,
      expiresAt: later(1000),
      ...changes,
    });
    const seek = async (...args: Parameters<typeof requestOf>): Promise<StagedDevice> => {
      const outcome = await stores.stagingArea.seek(requestOf(...args));
      return outcome.kind === 'waits' ? outcome.staged : assert.fail(JSON.stringify(outcome));
    };
    const kindOf = async (...args: Parameters<typeof requestOf>) =>
      (await stores.stagingArea.seek(requestOf(...args))).kind;
    const approve = (id: string, changes: Partial<Confirmation> = {}) =>
      stores.stagingArea.approve(id, { by: 'ann', at: later(1), ...changes });
    const refusalOf = async (id: string, changes: Partial<Confirmation> = {}) => {
      const outcome = await approve(id, changes);
      return outcome.kind === 'refused' ? outcome.reason : outcome.kind;
    };
    const known = async (id: string) => (await stores.devices.find(id))?.device;
    const audited = (object: string, action: string) => {
      using database = new DatabaseSync(join(directory, databaseFile), { readOnly: true });
      return database
        .prepare('select actor from audit_log where object = ? and action = ?')
        .all(object, action)
        .map(({ actor }) => actor);
    };
    const intentOf = (subscriber: string, key: string, changes: Partial<Intent> = {}): Intent => ({
      issuer: 'issuer',
      serialNumber: fresh('01'),
      toBeSigned: Uint8Array.of(0x30, 0),
      publicKeyDigest: key,
      requestDigest: fresh('request'),
      profile: 'device',
      subscriber,
      credential: { kind: 'request-key', id: key },
      notBefore: now,
      notAfter: later(1_000_000),
      requestId: fresh('request'),
      recordedAt: later(2),
      ...changes,
    });
    const outcomeOf = async (intent: Intent) => {
      const foreseen = await stores.ledger.objectionTo(intent);
      const outcome = await stores.ledger.recordIntent(intent);
      assert.equal(foreseen?.code, outcome.kind === 'refused' ? outcome.code : undefined);
      return outcome.kind === 'refused' ? outcome.code : outcome.kind;
    };
    const password = async (device: string) => {
      const id = fresh('otp');
      const times = { createdAt: now, expiresAt: later(10_000) };
      await stores.oneTimePasswords.create({ id, device, passwordHash: id, ...times, by: 'test' });
      return { kind: 'one-time-password', id } as const;
    };

    describe('an entry', () => {
      test('is one, however often and from wherever it is asked at once', async () => {
        const key = fresh('key');
        const [device, requestId] = [fresh('dev'), fresh('http')];
        const found = await Promise.all(
          Array.from({ length: 50 }, () => seek('made', device, key, { requestId })),
        );
        const [id = '', ...others] = new Set(found.map((each) => each.id));
        assert.deepEqual(others, []);
        assert.match(id, /^req-[0-9a-f]{10}$/);
        assert.equal((await stores.stagingArea.find(id))?.asks, 50);
        assert.equal(audited(id, 'device.pending').length, 1);
      });

      test('says what was seen, and when it was seen again', async () => {
        const request = requestOf('listed', await add('listed'), fresh('key'), {
          newcomer: false,
          model: 'P7',
          serialNumber: 'S1',
          factorySubject: 'commonName=Maker',
        });
        const first = await stores.stagingArea.seek(request);
        const { at, requestId, ...said } = request;
        assert.ok(first.kind === 'waits' && requestId);
        const expected = {
          ...said,
          id: first.staged.id,
          state: 'pending',
          showsCode: false,
          wrongCodes: 0,
          otherKey: false,
          asks: 1,
          firstSeen: at,
          lastSeen: at,
        };
        assert.deepEqual(first.staged, expected);
        const again = await stores.stagingArea.seek({ ...request, source: 'b', at: later(5) });
        assert.ok(again.kind === 'waits');
        const seen = { ...expected, asks: 2, lastSeen: later(5), source: 'b' };
        assert.deepEqual(again.staged, seen);
        const filter = { at: later(6), limit: 10, group: 'listed' };
        assert.deepEqual(
          (await stores.stagingArea.list(filter)).filter(({ id }) => id === first.staged.id),
          [seen],
        );
      });

      test('expires, begins anew, and is purged in time', async () => {
        const [device, key] = [fresh('dev'), fresh('key')];
        const { id } = await seek('made', device, key, { expiresAt: later(10) });
        assert.equal((await approve(id, { at: later(11) })).kind, 'conflict');
        const anew = await seek('made', device, key, { at: later(11) });
        assert.notEqual(anew.id, id);
        const day = 24 * 3600;
        await seek('made', fresh('dev'), fresh('key'), { at: later(10 + day - 1) });
        assert.ok(await stores.stagingArea.find(id));
        // Others that are over go first; a few are purged with each new entry.
        for (let each = 0; each < 20 && (await stores.stagingArea.find(id)); each++)
          await seek('made', fresh('dev'), fresh('key'), {
            at: later(11 + day),
            expiresAt: later(1000 + day),
          });
        assert.equal(await stores.stagingArea.find(id), undefined);
      });

      test('is bounded for a device, a source and a group', async () => {
        const device = await add('nameless');
        const old = { newcomer: false };
        for (let each = 0; each < 10; each++) await seek('nameless', device, fresh('key'), old);
        assert.equal(await kindOf('nameless', device, fresh('key'), old), 'too-many-pending');
        const source = fresh('source');
        for (let each = 0; each < 20; each++)
          await seek('made', fresh('dev'), fresh('key'), { source });
        assert.equal(
          await kindOf('made', fresh('dev'), fresh('key'), { source }),
          'too-many-pending',
        );
        assert.equal(await kindOf('made', fresh('dev'), fresh('key')), 'waits');
        const others = await stores.stagingArea.list({ at: now, group: 'given', limit: 2000 });
        await Promise.all(
          Array.from({ length: 1000 - others.length }, () =>
            seek('given', fresh('dev'), fresh('key')),
          ),
        );
        assert.equal(await kindOf('given', fresh('dev'), fresh('key')), 'too-many-pending');
        const [first, ...rest] = await stores.stagingArea.list({
          ...{ at: now, group: 'given', state: 'pending', limit: 2000 },
        });
        await stores.stagingArea.reject(first?.id ?? '', { by: 'ann', at: now });
        assert.equal(await kindOf('given', fresh('dev'), fresh('key')), 'waits');
        const reject = ({ id }: StagedDevice) =>
          stores.stagingArea.reject(id, { by: 'ann', at: now });
        await Promise.all(rest.map(reject));
      });

      test('is none for a key that could never be certified', async () => {
        const holder = await add('trusting');
        const key = fresh('key');
        const credential = { kind: 'operator', id: 'test' } as const;
        await stores.ledger.recordIntent(intentOf(holder, key, { credential }));
        const outcome = await stores.stagingArea.seek(requestOf('made', fresh('dev'), key));
        assert.equal(outcome.kind === 'refused' && outcome.code, 'key-in-use');
        const barred = fresh('key');
        await stores.keyBans.ban({ publicKeyDigest: barred, by: 'ann', at: now });
        const ban = await stores.stagingArea.seek(requestOf('made', fresh('dev'), barred));
        assert.equal(ban.kind === 'refused' && ban.code, 'key-banned');
      });
    });

    describe('a confirmation', () => {
      test('registers a newcomer, and its key is good for as many certificates as it asks for', async () => {
        const [device, key] = [fresh('dev'), fresh('key')];
        const registration = { group: 'made', tenant: 'made' };
        const intent = intentOf(device, key, { registration });
        assert.equal(await outcomeOf(intent), 'key-unconfirmed');
        const { id } = await seek('made', device, key);
        const outcome = await approve(id);
        assert.ok(outcome.kind === 'decided' && outcome.staged.confirmedAs === device);
        assert.deepEqual((await known(device))?.firstKey, key);
        assert.deepEqual(audited(device, 'device.added'), ['ann']);
        assert.deepEqual(audited(device, 'device.first-key-pinned'), ['ann']);
        assert.deepEqual(audited(id, 'device.approved'), ['ann']);
        assert.equal(await outcomeOf(intentOf(device, key, { registration })), 'recorded');
        assert.equal(await outcomeOf(intentOf(device, key)), 'recorded');
        assert.equal(await outcomeOf(intentOf(device, fresh('key'))), 'key-unconfirmed');
        // The one that asked a moment before the decision is to ask again.
        const after = await seek('made', device, key);
        assert.deepEqual([after.id, after.state], [id, 'approved']);
      });

      test('is asked for by every first credential, and by none that follows', async () => {
        const device = await add('listed');
        const key = fresh('key');
        const credential = await password(device);
        assert.equal(await outcomeOf(intentOf(device, key, { credential })), 'key-unconfirmed');
        const [otp] = await stores.oneTimePasswords.list({ device, limit: 1 });
        assert.equal(otp?.state, 'unused');
        const authority = { relayedBy: await add('listed') };
        const relayed = intentOf(device, fresh('key'), { credential, ...authority });
        assert.equal(
          await outcomeOf(relayed),
          'recorded',
          'a registration authority stands for it',
        );
        const { id } = await seek('listed', device, key, { newcomer: false });
        await approve(id);
        const own = await password(device);
        const intent = intentOf(device, key, { credential: own });
        assert.equal(await outcomeOf(intent), 'recorded');
        const { issuer, serialNumber } = intent;
        const der = Uint8Array.of(0x30, 0);
        await stores.ledger.recordCertificate({ issuer, serialNumber }, der, later(3), 'r');
        const renewal = { kind: 'client-certificate', id: serialNumber } as const;
        const next = fresh('key');
        assert.equal(await outcomeOf(intentOf(device, next, { credential: renewal })), 'recorded');
        assert.equal((await known(device))?.firstKey, next);
        const factory = { kind: 'factory-certificate', id: fresh('key') } as const;
        const made = intentOf(await add('listed'), fresh('key'), { credential: factory });
        assert.equal(await outcomeOf(made), 'credential-spent', 'its own rules come first');
      });

      test('comes before a use of a bootstrap credential is counted', async () => {
        const [device, key, id] = [fresh('dev'), fresh('key'), fresh('boot')];
        const terms = { quota: 1, notBefore: now, notAfter: later(1000), createdAt: now };
        const made = { id, group: 'batch', secretHash: fresh('hash'), ...terms, by: 'ann' };
        assert.equal(await stores.bootstrapCredentials.create(made), undefined);
        const credential = { kind: 'bootstrap-credential', id } as const;
        const registration = { group: 'batch', tenant: 'batch' };
        const intent = () => intentOf(device, key, { credential, registration });
        const uses = async () => (await stores.bootstrapCredentials.uses(id, 10)).length;
        assert.equal(await outcomeOf(intent()), 'key-unconfirmed');
        assert.deepEqual([await uses(), await known(device)], [0, undefined]);
        const { id: request } = await seek('batch', device, key, { credential });
        await approve(request);
        assert.equal(await uses(), 0);
        assert.equal(await outcomeOf(intent()), 'recorded');
        assert.equal(await outcomeOf(intent()), 'recorded');
        assert.equal(await uses(), 1);
      });

      test('holds where two decide at once, and is the same if it is said again', async () => {
        const { id } = await seek('made', fresh('dev'), fresh('key'));
        const reject = stores.stagingArea.reject(id, { by: 'bob', at: later(1) });
        const kinds = (await Promise.all([approve(id), reject])).map(({ kind }) => kind);
        assert.deepEqual(kinds.sort(), ['conflict', 'decided']);
        const { id: other } = await seek('given', fresh('dev'), fresh('key'));
        const [a, b] = [fresh('pump'), fresh('pump')];
        const names = await Promise.all([approve(other, { as: a }), approve(other, { as: b })]);
        assert.deepEqual(names.map(({ kind }) => kind).sort(), ['conflict', 'decided']);
        assert.equal([await known(a), await known(b)].filter(Boolean).length, 1);
        const { confirmedAs } = (await stores.stagingArea.find(other)) ?? {};
        assert.equal((await approve(other, { as: confirmedAs ?? '' })).kind, 'decided');
        assert.equal((await approve(fresh('req'))).kind, 'unknown');
      });

      test('gives an id where ids are assigned, to a device that is free to have it', async () => {
        const key = fresh('key');
        const { id } = await seek('given', fresh('dev'), key);
        assert.match(await refusalOf(id), /Say which device it is/);
        assert.match(await refusalOf(id, { as: 'a:b' }), /cannot be a device id/);
        const elsewhere = await add('listed');
        assert.match(await refusalOf(id, { as: elsewhere }), /is taken/);
        const blocked = await add('given');
        await stores.devices.setStatus(blocked, 'blocked', 'ann', now);
        assert.match(await refusalOf(id, { as: blocked }), /is blocked/);
        const authority = fresh('ra');
        const role = { role: 'registration-authority' } as const;
        await stores.devices.add({ id: authority, tenant: 'given', names: [], ...role }, 'a', now);
        assert.match(await refusalOf(id, { as: authority }), /registration authority/);
        assert.equal((await stores.stagingArea.find(id))?.state, 'pending');

        const registered = await add('given');
        assert.equal((await approve(id, { as: registered })).kind, 'decided');
        assert.equal((await known(registered))?.firstKey, key);
        assert.equal((await stores.devices.findByFirstKey('given', key))?.device.id, registered);
        assert.equal(await outcomeOf(intentOf(registered, key)), 'recorded');

        const { id: second } = await seek('given', fresh('dev'), fresh('key'));
        assert.match(await refusalOf(second, { as: registered }), /known by another key/);
        const replaced = await approve(second, { as: registered, replaceKey: true });
        assert.equal(replaced.kind, 'decided');
        assert.equal(await outcomeOf(intentOf(registered, key)), 'key-unconfirmed');

        const { id: made } = await seek('made', fresh('dev'), fresh('key'));
        assert.match(await refusalOf(made, { as: fresh('pump') }), /identity assigned alone/);
      });

      test('of another key says so, is reported once, and takes a word more', async () => {
        const device = await add('nameless');
        const old = { newcomer: false };
        const [first, second] = [fresh('key'), fresh('key')];
        const one = await seek('nameless', device, first, old);
        await approve(one.id);
        const other = await seek('nameless', device, second, old);
        assert.equal(other.otherKey, true);
        await seek('nameless', device, second, old);
        assert.equal(audited(device, 'device.foreign-key').length, 1);
        assert.equal((await known(device))?.foreignKey, second);
        assert.match(await refusalOf(other.id), /known by another key/);
        assert.equal((await known(device))?.firstKey, first);
        assert.equal((await approve(other.id, { replaceKey: true })).kind, 'decided');
        const { firstKey, foreignKey } = (await known(device)) ?? {};
        assert.deepEqual([firstKey, foreignKey], [second, undefined]);
        // The first one is nobody's now, and waits again.
        const back = await seek('nameless', device, first, old);
        assert.deepEqual([back.state, back.otherKey], ['pending', true]);
        // One key is not that of two.
        const twin = await seek('nameless', await add('nameless'), second, old);
        assert.match(await refusalOf(twin.id), new RegExp(`key of device ${device}`));
      });

      test('is worth nothing once the device is reset or removed', async () => {
        const [device, key] = [await add('nameless'), fresh('key')];
        const old = { newcomer: false };
        const { id } = await seek('nameless', device, key, old);
        await approve(id);
        await stores.devices.resetKey(device, 'ann', now);
        const again = await seek('nameless', device, key, old);
        assert.notEqual(again.id, id);
        await stores.devices.remove(device, 'ann', later(2));
        assert.equal((await approve(again.id, { at: later(3) })).kind, 'conflict');
        const { id: late } = await seek('nameless', fresh('gone'), fresh('key'), old);
        assert.match(await refusalOf(late), /not registered any more/);
      });

      test('brings no certificate after one was revoked, until the device is reset and confirmed again', async () => {
        const [device, key] = [await add('nameless'), fresh('key')];
        const old = { newcomer: false };
        await approve((await seek('nameless', device, key, old)).id);
        const intent = intentOf(device, key);
        assert.equal(await outcomeOf(intent), 'recorded');
        const order = { reason: 'unspecified', at: later(3), by: 'ann' } as const;
        await stores.ledger.revoke(intent.issuer, intent.serialNumber, order);
        const again = () => outcomeOf(intentOf(device, key, { recordedAt: later(5) }));
        assert.equal(await again(), 'certificate-revoked');
        await stores.devices.resetKey(device, 'ann', later(4));
        assert.equal(await again(), 'key-unconfirmed');
        await approve((await seek('nameless', device, key, old)).id, { at: later(4) });
        assert.equal(await again(), 'recorded');
      });

      test('is of no use in a group that asks for none any more', async () => {
        const { id } = await seek('trusting', fresh('dev'), fresh('key'));
        assert.match(await refusalOf(id), /no staging area/);
      });
    });

    describe('a code that the device shows', () => {
      const showing = (codeHash: string) => ({ codeHash });

      test('is typed to approve it, and the newest counts', async () => {
        const [device, key] = [fresh('dev'), fresh('key')];
        const { id } = await seek('shown', device, key, showing('old-'));
        assert.equal((await seek('shown', device, key, showing('code'))).showsCode, true);
        assert.match(await refusalOf(id), /code that the device shows/);
        assert.equal(await stores.stagingArea.shows(id, 'code'), true);
        assert.equal(await stores.stagingArea.shows(id, 'old-'), false);
        const old = await approve(id, { codeHash: 'old-' });
        assert.ok(old.kind === 'wrong-code' && old.staged.wrongCodes === 1);
        assert.equal(await known(device), undefined);
        assert.equal((await approve(id, { codeHash: 'code' })).kind, 'decided');
        const { id: none } = await seek('shown', fresh('dev'), fresh('key'));
        assert.match(await refusalOf(none, { codeHash: 'code' }), /code that the device shows/);
      });

      test('that was wrong five times rejects the entry, on record', async () => {
        const [device, key] = [fresh('dev'), fresh('key')];
        const { id } = await seek('shown', device, key, showing('code'));
        const states: unknown[] = [];
        for (let each = 0; each < 5; each++) {
          const outcome = await approve(id, { codeHash: 'no' });
          states.push(outcome.kind === 'wrong-code' && outcome.staged.state);
        }
        assert.deepEqual(states, ['pending', 'pending', 'pending', 'pending', 'rejected']);
        assert.equal((await approve(id, { codeHash: 'code' })).kind, 'conflict');
        assert.equal(await kindOf('shown', device, key, showing('code')), 'rejected');
        assert.equal(audited(id, 'device.wrong-code').length, 5);
        assert.equal(audited(id, 'device.rejected').length, 1);
        // Who typed the codes of another device can take it back.
        assert.equal(await stores.stagingArea.forget(id, 'ann', later(5)), true);
        assert.equal(await stores.stagingArea.forget(id, 'ann', later(5)), false);
        const { id: anew } = await seek('shown', device, key, { ...showing('code'), at: later(6) });
        assert.notEqual(anew, id);
        assert.equal((await approve(anew, { codeHash: 'code' })).kind, 'decided');
        assert.equal(await stores.stagingArea.forget(anew, 'ann', later(7)), false);
        assert.deepEqual(audited(id, 'device.forgotten'), ['ann']);
      });
    });

    describe('a banned key', () => {
      test('waits no more, and is refused at once with every credential', async () => {
        const [device, key] = [fresh('dev'), fresh('key')];
        const { id } = await seek('made', device, key);
        await approve(id);
        const intent = intentOf(device, key);
        assert.equal(await outcomeOf(intent), 'recorded');
        const { issuer, serialNumber } = intent;
        const der = Uint8Array.of(0x30, 0);
        await stores.ledger.recordCertificate({ issuer, serialNumber }, der, later(3), 'r');
        const waiting = await seek('nameless', await add('nameless'), fresh('key'), {
          newcomer: false,
        });
        const reason = 'Stolen.';
        for (const publicKeyDigest of [key, waiting.publicKeyDigest])
          assert.equal(
            await stores.keyBans.ban({ publicKeyDigest, reason, by: 'ann', at: later(4) }),
            true,
          );
        assert.equal((await stores.stagingArea.find(waiting.id))?.state, 'rejected');
        assert.equal(await kindOf('nameless', waiting.device, waiting.publicKeyDigest), 'refused');
        // The repetition too, the renewal with its certificate, and another device's password.
        assert.equal(await outcomeOf({ ...intent, serialNumber: fresh('01') }), 'key-banned');
        const credential = { kind: 'client-certificate', id: serialNumber } as const;
        assert.equal(await outcomeOf(intentOf(device, fresh('key'), { credential })), 'key-banned');
        const other = await add('trusting');
        const own = await password(other);
        const barred = waiting.publicKeyDigest;
        assert.equal(await outcomeOf(intentOf(other, barred, { credential: own })), 'key-banned');
        const factory = { kind: 'factory-certificate', id: barred } as const;
        const made = intentOf(other, fresh('key'), { credential: factory });
        assert.equal(await outcomeOf(made), 'key-banned');

        const again = { publicKeyDigest: key, by: 'bob', at: later(5) };
        assert.equal(await stores.keyBans.ban(again), false);
        const [listed] = (await stores.keyBans.list(100)).filter(
          (each) => each.publicKeyDigest === key,
        );
        assert.deepEqual(listed, { publicKeyDigest: key, reason, by: 'ann', at: later(4) });
        assert.equal(await stores.keyBans.lift(key, 'ann', later(6)), true);
        assert.equal(await stores.keyBans.lift(key, 'ann', later(6)), false);
        assert.equal(await outcomeOf(intentOf(device, key)), 'recorded');
        assert.deepEqual(audited(key, 'key.banned'), ['ann']);
        assert.deepEqual(audited(key, 'key.ban-lifted'), ['ann']);
      });

      test('of a registration authority bars what it asks for', async () => {
        const [authority, device, key] = [
          await add('trusting'),
          await add('trusting'),
          fresh('key'),
        ];
        const operator = { kind: 'operator', id: 'test' } as const;
        const intent = intentOf(authority, key, { credential: operator });
        assert.equal(await outcomeOf(intent), 'recorded');
        const { issuer, serialNumber } = intent;
        const der = Uint8Array.of(0x30, 0);
        await stores.ledger.recordCertificate({ issuer, serialNumber }, der, later(3), 'r');
        const credential = { kind: 'registration-authority', id: serialNumber } as const;
        const relay = () =>
          outcomeOf(intentOf(device, fresh('key'), { credential, relayedBy: authority }));
        assert.equal(await relay(), 'recorded');
        await stores.keyBans.ban({ publicKeyDigest: key, by: 'ann', at: now });
        assert.equal(await relay(), 'key-banned');
      });
    });

    test('events tell the tenant of a device that is not registered yet', async () => {
      const url = 'https://hook.example/';
      const webhook = { id: fresh('hook'), url, purpose: 'events', types: ['*'] } as const;
      const secret = { id: fresh('secret'), sealed: Uint8Array.of(1), createdAt: now };
      await stores.webhooks.add(webhook, secret, 'test');
      const [device, key] = [fresh('dev'), fresh('key')];
      const { id } = await seek('made', device, key);
      await approve(id);
      await stores.keyBans.ban({ publicKeyDigest: key, by: 'ann', at: now });
      const { id: second } = await seek('made', fresh('dev'), fresh('key'));
      await stores.stagingArea.reject(second, { reason: 'No.', by: 'ann', at: now });
      const { id: another } = await seek('made', device, fresh('key'));
      assert.equal((await stores.stagingArea.find(another))?.otherKey, true);
      const events = await stores.events.list({ limit: 100 });
      const told = (type: string) => events.filter((each) => each.type === type);
      for (const [type, count] of [
        ['bestow.device.pending', 3],
        ['bestow.device.approved', 1],
        ['bestow.device.rejected', 1],
        ['bestow.device.banned', 1],
      ] as const)
        assert.deepEqual(
          told(type).map(({ tenant }) => tenant),
          Array(count).fill('made'),
          type,
        );
      assert.deepEqual(told('bestow.device.refused'), []);
      const [approved] = told('bestow.device.approved');
      assert.equal(approved?.device, device);
      assert.equal(approved?.data.request, id);
    });
  });
