/**
 * What an implementation of the stores owes to events: each stands and falls with the change it reports, nobody is told twice
 * that need not be, and what was not delivered is not lost.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import type { Intent } from '../ca/issuance-ledger.ts';
import type { BestowEvent, EventType } from '../enrollment/events/event.ts';
import { mostSecrets, type NewWebhook } from '../enrollment/events/webhooks.ts';
import { databaseFile, engines } from '../test/support/storage-engines.ts';
import type { OpenStores } from './stores.ts';

const limits = { perCredentialAndSource: 3, perCredential: 6, perSource: 20, windowSeconds: 60 };
const now = new Date('2030-01-01T00:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
let counter = 0;
const fresh = (prefix: string) => `${prefix}-${++counter}`;

for (const [engine, open] of Object.entries(engines)) {
  describe(engine, () => {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-events-'));
    let stores: OpenStores;
    before(async () => {
      stores = await open(directory, limits);
      for (const id of ['acme', 'globex'])
        await stores.tenants.add({ id, endpoints: [], label: id }, 'test', now);
    });
    after(async () => {
      await stores.close();
      rmSync(directory, { recursive: true, force: true });
    });

    const secretAt = (createdAt: Date) => ({
      id: fresh('sec'),
      sealed: Uint8Array.of(1, 2, 3),
      createdAt,
    });
    const subscribe = async (changes: Partial<NewWebhook> = {}) => {
      const id = fresh('wh');
      const url = 'https://receiver.example/';
      const webhook = { id, url, purpose: 'events', types: ['*'], ...changes } as const;
      await stores.webhooks.add(webhook, secretAt(now), 'test');
      return id;
    };
    const addDevice = async (tenant = 'acme') => {
      const id = fresh('device');
      const place = { region: 'eu-1', site: 'Hall 7', context: { gearbox: 'G-12' } };
      await stores.devices.add({ id, tenant, names: [], ...place }, 'test', now);
      return id;
    };
    const intend = async (subscriber: string | undefined, changes: Partial<Intent> = {}) => {
      const intent: Intent = {
        issuer: 'issuer',
        serialNumber: fresh('01'),
        toBeSigned: Uint8Array.of(0x30, 0),
        publicKeyDigest: fresh('key'),
        requestDigest: fresh('request'),
        profile: 'device',
        ...(subscriber === undefined ? {} : { subscriber }),
        credential: { kind: 'operator', id: 'test' },
        endpoints: ['mqtts://one.example'],
        notBefore: now,
        notAfter: later(1000),
        requestId: fresh('r'),
        recordedAt: now,
        ...changes,
      };
      assert.equal((await stores.ledger.recordIntent(intent)).kind, 'recorded');
      return intent;
    };
    const issue = async (subscriber?: string, changes: Partial<Intent> = {}, at = later(1)) => {
      const intent = await intend(subscriber, changes);
      await stores.ledger.recordCertificate(intent, Uint8Array.of(1), at, intent.requestId);
      return intent;
    };
    const of = async (device: string): Promise<BestowEvent[]> =>
      (await stores.events.list({ device, limit: 100 })).reverse();
    const typesOf = async (device: string) => (await of(device)).map(({ type }) => type);
    const take = (webhook: string, changes: { by?: string; at?: Date; limit?: number } = {}) => {
      const { by = 'me', at = later(10), limit = 1000 } = changes;
      return stores.deliveries.begin({ webhook, by, at, until: later(100), limit });
    };

    test('while nobody subscribes to events, none is written', async () => {
      const device = await addDevice();
      await issue(device);
      await stores.events.note([{ type: 'bestow.device.seen', device, at: now, data: {} }]);
      await subscribe({ purpose: 'authorization', types: [] });
      await issue(device);
      await stores.devices.setStatus(device, 'blocked', 'test', now);
      assert.deepEqual(await stores.events.list({ limit: 10 }), []);
    });

    test('a device is enrolled, renewed and moved, and blocked', async () => {
      await subscribe();
      const device = await addDevice();
      const first = await issue(device);
      await issue(device, {}, later(2));
      await issue(device, { endpoints: ['mqtts://two.example'] }, later(3));
      await stores.devices.setStatus(device, 'blocked', 'test', later(4));
      await stores.devices.setStatus(device, 'active', 'test', later(5));
      const issued: EventType = 'bestow.certificate.issued';
      assert.deepEqual(await typesOf(device), [
        ...[issued, 'bestow.device.enrolled', issued, 'bestow.device.reenrolled'],
        ...[issued, 'bestow.device.reenrolled', 'bestow.device.moved', 'bestow.device.blocked'],
      ]);
      const events = await of(device);
      const [, enrolled] = events;
      assert.equal(enrolled?.tenant, 'acme');
      assert.deepEqual(enrolled?.at, later(1));
      const { device: described, ...data } = enrolled?.data ?? {};
      assert.partialDeepStrictEqual(described, {
        ...{ id: device, tenant: 'acme', group: 'acme', region: 'eu-1', site: 'Hall 7' },
        context: { gearbox: 'G-12' },
      });
      assert.partialDeepStrictEqual(data, {
        issuer: 'issuer',
        serialNumber: first.serialNumber,
        endpoints: ['mqtts://one.example'],
        publicKeyDigest: first.publicKeyDigest,
        requestId: first.requestId,
      });
      const moved = events.find(({ type }) => type === 'bestow.device.moved');
      assert.deepEqual(moved?.data.formerEndpoints, ['mqtts://one.example']);
      assert.deepEqual(moved?.data.endpoints, ['mqtts://two.example']);
    });

    test('an intent is no event, and a certificate that is stored twice is told once', async () => {
      const device = await addDevice();
      const intent = await intend(device);
      assert.deepEqual(await of(device), []);
      const store = () =>
        stores.ledger.recordCertificate(intent, Uint8Array.of(1), later(1), 'again');
      await Promise.all([store(), store(), store()]);
      assert.equal((await of(device)).length, 2);
    });

    test('a successor of the same name is enrolled, not re-enrolled', async () => {
      const device = await addDevice();
      const { serialNumber } = await issue(device);
      await stores.devices.remove(device, 'test', later(5));
      const [, , revoked] = await of(device);
      assert.equal(revoked?.type, 'bestow.certificate.revoked');
      assert.equal(revoked?.tenant, 'acme');
      assert.equal(revoked?.data.serialNumber, serialNumber);
      await stores.devices.add({ id: device, tenant: 'acme', names: [] }, 'test', later(6));
      await issue(device, { recordedAt: later(7) }, later(8));
      assert.equal((await typesOf(device)).at(-1), 'bestow.device.enrolled');
    });

    test('certificates are held, released and revoked, with the reason', async () => {
      const device = await addDevice();
      const { issuer, serialNumber } = await issue(device);
      const order = { at: later(2), by: 'test' };
      const revoke = (reason: 'certificateHold' | 'keyCompromise') =>
        stores.ledger.revoke(issuer, serialNumber, { ...order, reason });
      await revoke('certificateHold');
      await stores.ledger.release(issuer, serialNumber, order);
      await stores.ledger.release(issuer, serialNumber, order);
      await revoke('keyCompromise');
      await revoke('keyCompromise');
      const events = (await of(device)).slice(2);
      assert.deepEqual(
        events.map(({ type, data }) => [type, data.reason]),
        [
          ['bestow.certificate.held', 'certificateHold'],
          ['bestow.certificate.released', undefined],
          ['bestow.certificate.revoked', 'keyCompromise'],
        ],
      );
    });

    test('the server’s own certificates belong to no tenant', async () => {
      const ours = await issue();
      const [event] = await stores.events.list({ limit: 1 });
      assert.equal(event?.type, 'bestow.certificate.issued');
      assert.equal(event?.data.serialNumber, ours.serialNumber);
      assert.equal(event?.device ?? event?.tenant, undefined);
    });

    test('requests that wait are pending once, and approved or rejected once', async () => {
      const device = await addDevice();
      const request = {
        device,
        requestDigest: fresh('request'),
        publicKeyDigest: fresh('key'),
        subject: `commonName=${device}`,
        names: [],
        profile: 'device',
        source: '192.0.2.1',
        requestId: fresh('r'),
        at: now,
        expiresAt: later(100),
      };
      const first = await stores.approvals.seek(request);
      await stores.approvals.seek({ ...request, at: later(1) });
      assert.ok(first !== 'too-many-pending');
      const decision = { approve: true, by: 'operator:a', at: later(2) };
      await stores.approvals.decide(first.id, decision);
      await stores.approvals.decide(first.id, decision);
      assert.deepEqual(await typesOf(device), ['bestow.device.pending', 'bestow.device.approved']);
      const [pending, approved] = await of(device);
      assert.equal(pending?.data.request, first.id);
      assert.equal(approved?.data.by, 'operator:a');
    });

    test('sightings of devices that nobody registered are not written', async () => {
      const device = await addDevice();
      const note = (id: string) =>
        stores.events.note([{ type: 'bestow.device.seen', device: id, at: now, data: { a: 1 } }]);
      await note(device);
      await note('nobody');
      assert.deepEqual(await typesOf(device), ['bestow.device.seen']);
      assert.deepEqual(await of('nobody'), []);
    });

    test('an event and its change are stored together or not at all', async () => {
      const devices = await Promise.all([addDevice(), addDevice()]);
      const [doomed, safe] = await Promise.all(devices.map((device) => intend(device)));
      assert.ok(doomed && safe);
      // What comes after the event in the same transaction fails; what shares the commit does not.
      using database = new DatabaseSync(join(directory, databaseFile));
      database.exec(`create trigger doom after insert on event
        when new.device = '${devices[0]}' and new.type = 'bestow.device.enrolled'
        begin select raise(abort, 'no room'); end`);
      const record = (intent: Intent) =>
        stores.ledger.recordCertificate(intent, Uint8Array.of(1), later(1), intent.requestId);
      const [failed, stored] = await Promise.allSettled([record(doomed), record(safe)]);
      assert.equal(failed?.status, 'rejected');
      assert.equal(stored?.status, 'fulfilled');
      const found = await stores.ledger.find(doomed.issuer, doomed.serialNumber);
      assert.equal(found?.certificate, undefined);
      assert.deepEqual(await of(devices[0]), []);
      assert.equal((await of(devices[1])).length, 2);
      database.exec('drop trigger doom');
      await record(doomed);
      assert.equal((await of(devices[0])).length, 2);
    });

    describe('deliveries', () => {
      test('go to whom they concern: by type, by tenant, and from now on', async () => {
        await issue(await addDevice());
        const all = await subscribe();
        const enrolled = await subscribe({ types: ['bestow.device.*'], tenant: 'globex' });
        const [ours, theirs] = [await addDevice('acme'), await addDevice('globex')];
        await issue(ours);
        await issue(theirs);
        const dueOf = async (id: string) =>
          (await take(id))?.due.map(({ event }) => [event.device, event.type]);
        assert.deepEqual(await dueOf(all), [
          [ours, 'bestow.certificate.issued'],
          [ours, 'bestow.device.enrolled'],
          [theirs, 'bestow.certificate.issued'],
          [theirs, 'bestow.device.enrolled'],
        ]);
        assert.deepEqual(await dueOf(enrolled), [[theirs, 'bestow.device.enrolled']]);
      });

      test('are one process’s at a time, until its turn is over', async () => {
        const id = await subscribe();
        await issue(await addDevice());
        assert.ok((await stores.deliveries.waiting(later(10))).includes(id));
        assert.equal((await take(id, { by: 'a' }))?.due.length, 2);
        assert.equal(await take(id, { by: 'b' }), undefined);
        assert.ok(!(await stores.deliveries.waiting(later(10))).includes(id));
        // One that died gives nothing back.
        assert.equal((await take(id, { by: 'b', at: later(101) }))?.due.length, 2);
        await stores.deliveries.finish({ webhook: id, by: 'a' }, []);
        assert.equal(await take(id, { by: 'c' }), undefined, 'the turn is another’s by now');
        await stores.deliveries.finish({ webhook: id, by: 'b' }, []);
        assert.ok(await take(id, { by: 'c' }));
      });

      test('are tried again when it is time, and given up in the end; both can be replayed', async () => {
        const id = await subscribe({ types: ['bestow.certificate.issued'] });
        const { serialNumber } = await issue(await addDevice());
        const turn = { webhook: id, by: 'me' };
        const begun = await take(id);
        const sequence = begun?.due[0]?.event.sequence ?? assert.fail();
        assert.equal(begun?.due[0]?.event.data.serialNumber, serialNumber);
        const failed = { sequence, at: later(10), problem: 'gone', delivered: false };
        await stores.deliveries.finish(turn, [{ ...failed, nextAttemptAt: later(15) }]);
        assert.deepEqual((await take(id, { at: later(14) }))?.due, []);
        const [again] = (await take(id, { at: later(15) }))?.due ?? [];
        assert.deepEqual([again?.event.sequence, again?.attempts], [sequence, 1]);
        await stores.deliveries.finish(turn, [{ ...failed, status: 500 }]);
        assert.deepEqual((await take(id, { at: later(90) }))?.due, []);
        assert.deepEqual(await stores.webhooks.counts(id), { pending: 0, delivered: 0, dead: 1 });
        const [dead] = await stores.webhooks.deliveries(id, { state: 'dead', limit: 5 });
        assert.partialDeepStrictEqual(dead, { attempts: 2, status: 500, problem: 'gone' });

        assert.equal(await stores.webhooks.replay(id, { dead: true }, 'test', later(20)), 1);
        assert.equal((await take(id, { at: later(20) }))?.due[0]?.attempts, 0);
        await stores.deliveries.finish(turn, [
          { sequence, at: later(21), status: 204, delivered: true },
        ]);
        // Late news of an attempt that failed change nothing.
        await stores.deliveries.finish(turn, [{ ...failed, nextAttemptAt: later(22) }]);
        assert.deepEqual((await take(id, { at: later(90) }))?.due, []);
        await stores.deliveries.finish(turn, []);
        assert.equal(await stores.webhooks.replay(id, { since: later(50) }, 'test', now), 0);
        const order = { since: now, until: later(2) };
        assert.ok(((await stores.webhooks.replay(id, order, 'test', later(30))) ?? 0) > 1);
        const replayed = (await take(id, { at: later(30) }))?.due ?? [];
        assert.ok(replayed.some(({ event }) => event.sequence === sequence));
        assert.ok(replayed.every(({ event }) => event.type === 'bestow.certificate.issued'));
      });

      test('wait while the webhook is disabled', async () => {
        const id = await subscribe();
        const change = { by: 'test', at: now };
        await stores.webhooks.setState(id, 'disabled', { ...change, reason: 'gone' });
        await issue(await addDevice());
        assert.equal(await take(id), undefined);
        assert.ok(!(await stores.deliveries.waiting(later(10))).includes(id));
        const enabled = await stores.webhooks.setState(id, 'active', change);
        assert.equal(enabled?.reason, undefined);
        assert.equal((await take(id))?.due.length, 2);
      });

      test('end with the webhook, and with the events', async () => {
        const id = await subscribe();
        const device = await addDevice();
        await issue(device);
        await take(id);
        assert.equal(await stores.webhooks.remove(id, 'test', now), true);
        assert.equal(await stores.webhooks.remove(id, 'test', now), false);
        const other = await subscribe();
        await issue(device);
        const last = (await take(other))?.due.at(-1)?.event.sequence ?? assert.fail();
        assert.equal(await stores.events.purge(now), 0);
        while ((await stores.events.purge(later(3600))) > 0);
        assert.deepEqual(await stores.events.list({ limit: 1 }), []);
        await stores.deliveries.finish({ webhook: other, by: 'me' }, []);
        await issue(device);
        // Numbers go on, or the webhook would take new events for old ones.
        const next = (await take(other))?.due[0]?.event.sequence ?? 0;
        assert.ok(next > last, `${next} after ${last}`);
      });
    });

    test('secrets take turns, and few sign at once', async () => {
      const id = await subscribe();
      const rotate = (at: Date, oldEnd: Date) =>
        stores.webhooks.rotate(id, secretAt(at), { oldEnd, by: 'test' });
      const signing = async (at: Date) => (await stores.webhooks.find(id, at))?.secrets.length;
      assert.equal(await rotate(later(1), later(100)), 'rotated');
      assert.equal(await signing(later(99)), 2);
      assert.equal(await signing(later(100)), 1);
      for (let i = 2; i < mostSecrets; i += 1)
        assert.equal(await rotate(later(i), later(200)), 'rotated');
      assert.equal(await rotate(later(9), later(200)), 'too-many');
      assert.equal(await signing(later(9)), mostSecrets);
      assert.equal(await rotate(later(9), later(9)), 'rotated');
      assert.equal(await signing(later(10)), 1);
      const unknown = { oldEnd: now, by: 'test' };
      assert.equal(await stores.webhooks.rotate('none', secretAt(now), unknown), 'unknown');
    });
  });
}
