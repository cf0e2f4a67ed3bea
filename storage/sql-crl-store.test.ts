/**
 * What an implementation of the CRL store owes, over each engine there is.
 */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { Migrator, sql } from 'kysely';
import type { CrlRecord, CrlScope } from '../ca/crl-store.ts';
import type { Intent } from '../ca/issuance-ledger.ts';
import { databaseFile, engines } from '../test/support/storage-engines.ts';
import { GroupCommit } from './group-commit.ts';
import { migrate } from './migrate.ts';
import * as registryAndLedger from './migrations/0001-registry-and-ledger.ts';
import { SqlCrlStore } from './sql-crl-store.ts';
import type { OpenStores } from './stores.ts';

const limits = { perCredentialAndSource: 3, perCredential: 6, perSource: 20, windowSeconds: 60 };
const busyTimeout = 2000;
const directory = mkdtempSync(join(tmpdir(), 'bestow-crls-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const file = (name: string) => join(directory, `${name}.db`);

const now = new Date('2030-01-01T00:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
const beginning = { after: '', endingAfter: now };
let counter = 0;
const freshIssuer = () => `issuer-${++counter}`;

const wholeOf = (issuer: string) => ({ issuer, partition: 0 });

function crlOf(issuer: string, number: number, changes: Partial<CrlRecord> = {}): CrlRecord {
  const der = Uint8Array.of(0x30, 1, number);
  const times = { thisUpdate: later(number), nextUpdate: later(number + 100) };
  return { ...wholeOf(issuer), number, ...times, revocations: 0, der, ...changes };
}

for (const [engine, open] of Object.entries(engines)) {
  describe(engine, () => {
    const home = mkdtempSync(join(directory, 'engine-'));
    let stores: OpenStores;
    before(async () => {
      stores = await open(home, limits);
      await stores.tenants.add({ id: 'acme', endpoints: [], label: 'acme' }, 'test', now);
      await stores.devices.add({ id: 'device', tenant: 'acme', names: [] }, 'test', now);
    });
    after(() => stores.close());

    async function recordIntent(issuer: string, changes: Partial<Intent> = {}): Promise<string> {
      const serialNumber = `01${(++counter).toString(16).padStart(34, '0')}`;
      const intent: Intent = {
        issuer,
        serialNumber,
        toBeSigned: Uint8Array.of(0x30, 0),
        publicKeyDigest: `key-${counter}`,
        requestDigest: `request-${counter}`,
        profile: 'device',
        credential: { kind: 'operator', id: 'test' },
        notBefore: now,
        notAfter: later(1000),
        requestId: `r-${counter}`,
        recordedAt: now,
        ...changes,
      };
      assert.equal((await stores.ledger.recordIntent(intent)).kind, 'recorded');
      return intent.serialNumber;
    }
    const revoke = (issuer: string, serialNumber: string, at = later(5)) =>
      stores.ledger.revoke(issuer, serialNumber, { reason: 'superseded', at, by: 'test' });

    describe('revocations', () => {
      test('are counted once each, for each issuer alone', async () => {
        const [issuer, other] = [freshIssuer(), freshIssuer()];
        const serials = [await recordIntent(issuer), await recordIntent(issuer)];
        await recordIntent(other);
        const count = async () => (await stores.crls.state(wholeOf(issuer)))?.revocations;
        assert.equal(await count(), 0);
        for (const [i, serial] of serials.entries()) {
          await revoke(issuer, serial);
          await revoke(issuer, serial);
          assert.equal(await count(), i + 1);
        }
        assert.deepEqual(await stores.crls.state(wholeOf(other)), { newest: 0, revocations: 0 });
      });

      test('a hold is listed, and not when it is released; each change counts', async () => {
        const issuer = freshIssuer();
        const serial = await recordIntent(issuer);
        const order = { at: later(5), by: 'test', reason: 'certificateHold' } as const;
        const state = async () => [
          (await stores.crls.state(wholeOf(issuer)))?.revocations,
          (await stores.crls.revoked(wholeOf(issuer), beginning, 10))
            .map(({ reason }) => reason)
            .join(),
        ];
        await stores.ledger.revoke(issuer, serial, order);
        assert.deepEqual(await state(), [1, 'certificateHold']);
        await stores.ledger.release(issuer, serial, order);
        assert.deepEqual(await state(), [2, '']);
        await stores.ledger.revoke(issuer, serial, order);
        await revoke(issuer, serial, later(9));
        assert.deepEqual(await state(), [4, 'superseded']);
        await stores.ledger.release(issuer, serial, order);
        assert.deepEqual(await state(), [4, 'superseded']);
        const [entry] = await stores.crls.revoked(wholeOf(issuer), beginning, 10);
        assert.deepEqual(entry?.revokedAt, later(5));
      });

      test('since when a certificate was not to be trusted is listed', async () => {
        const issuer = freshIssuer();
        const serial = await recordIntent(issuer);
        const order = { at: later(5), by: 'test', reason: 'keyCompromise' } as const;
        await stores.ledger.revoke(issuer, serial, { ...order, invalidityDate: later(-9) });
        const [entry] = await stores.crls.revoked(wholeOf(issuer), beginning, 10);
        assert.deepEqual(entry?.invalidityDate, later(-9));
      });

      test('are counted whatever way they come', async () => {
        const issuer = freshIssuer();
        const id = `device-${counter}`;
        await stores.devices.add({ id, tenant: 'acme', names: [] }, 'test', now);
        const serials = [await recordIntent(issuer, { subscriber: id })];
        const publicKeyDigest = `another-${counter}`;
        serials.push(await recordIntent(issuer, { subscriber: id, publicKeyDigest }));
        await stores.devices.remove(id, 'test', later(6));
        assert.equal((await stores.crls.state(wholeOf(issuer)))?.revocations, 2);
        const listed = await stores.crls.revoked(wholeOf(issuer), beginning, 10);
        assert.deepEqual(
          listed,
          serials.map((serialNumber) => ({
            serialNumber,
            revokedAt: later(6),
            reason: 'cessationOfOperation',
          })),
        );
      });

      test('are listed in pages, in the order of their serial numbers, but those that ended before', async () => {
        const issuer = freshIssuer();
        const ends = [30, 10, 20, 20, 5, 20];
        const serials: string[] = [];
        for (const end of ends) serials.push(await recordIntent(issuer, { notAfter: later(end) }));
        await recordIntent(issuer, { notAfter: later(20) });
        const elsewhere = freshIssuer();
        await revoke(elsewhere, await recordIntent(elsewhere));
        for (const serial of [...serials].reverse()) await revoke(issuer, serial);
        const expected = serials.filter((_, i) => i !== 4);
        for (const limit of [1, 2, 3, 5, 100])
          assert.deepEqual(await listOf(wholeOf(issuer), limit, later(6)), expected, `${limit}`);
        assert.deepEqual(await listOf(wholeOf(issuer), 9, later(5)), serials);
      });

      test('of a partition are listed and counted there and on the whole CRL', async () => {
        const issuer = freshIssuer();
        const serials: string[] = [];
        for (const crlPartition of [1, 2, 2, 0, 1, 3])
          serials.push(await recordIntent(issuer, { crlPartition }));
        for (const serial of serials) await revoke(issuer, serial);
        const listed = (partition: number) => listOf({ issuer, partition }, 2, now);
        assert.deepEqual(await listed(0), serials);
        assert.deepEqual(await listed(1), [serials[0], serials[4]]);
        assert.deepEqual(await listed(2), [serials[1], serials[2]]);
        assert.deepEqual(await listed(3), [serials[5]]);
        const counts = [];
        for (const partition of [0, 1, 2, 3, 4])
          counts.push((await stores.crls.state({ issuer, partition }))?.revocations);
        assert.deepEqual(counts, [6, 2, 2, 1, undefined]);
      });
    });

    async function listOf(scope: CrlScope, limit: number, endingAfter: Date): Promise<string[]> {
      const seen: string[] = [];
      for (;;) {
        const after = seen.at(-1) ?? '';
        const page = await stores.crls.revoked(scope, { after, endingAfter }, limit);
        assert.ok(page.length <= limit);
        if (page.length === 0) return seen;
        seen.push(...page.map(({ serialNumber }) => serialNumber));
      }
    }

    describe('scopes', () => {
      const url = (partition: number, host = 'a') => `http://${host}.example/crl/${partition}.crl`;

      test('are known once they were opened, with their states', async () => {
        const issuer = freshIssuer();
        assert.deepEqual(await stores.crls.states(issuer), []);
        const urls = new Map([0, 1, 2].map((each) => [each, url(each)]));
        await stores.crls.open(issuer, urls);
        await stores.crls.open(issuer, urls);
        await stores.crls.add(crlOf(issuer, 1, { partition: 2, revocations: 0 }));
        await stores.crls.add(crlOf(issuer, 2, { partition: 2, revocations: 5 }));
        const bare = { issuer, newest: 0, revocations: 0 };
        const { thisUpdate, nextUpdate } = crlOf(issuer, 2);
        const edition = { number: 2, thisUpdate, nextUpdate, revocations: 5, size: 3 };
        assert.deepEqual(await stores.crls.states(issuer), [
          { ...bare, partition: 0 },
          { ...bare, partition: 1 },
          { ...bare, partition: 2, newest: 2, edition },
        ]);
      });

      test('keep the addresses they had, and stay when there are fewer', async () => {
        const issuer = freshIssuer();
        await stores.crls.open(issuer, new Map([0, 1, 2].map((each) => [each, url(each)])));
        await stores.crls.open(issuer, new Map([0, 1].map((each) => [each, url(each, 'b')])));
        const urls = (partition: number) => stores.crls.urls({ issuer, partition });
        assert.deepEqual((await urls(1)).sort(), [url(1), url(1, 'b')]);
        assert.deepEqual(await urls(2), [url(2)]);
        assert.deepEqual(await urls(3), []);
        const known = (await stores.crls.states(issuer)).map(({ partition }) => partition);
        assert.deepEqual(known, [0, 1, 2]);
      });

      test('have numbers of their own', async () => {
        const issuer = freshIssuer();
        assert.equal(await stores.crls.add(crlOf(issuer, 1)), true);
        assert.equal(await stores.crls.add(crlOf(issuer, 2, { partition: 1 })), false);
        assert.equal(await stores.crls.add(crlOf(issuer, 1, { partition: 1 })), true);
        assert.equal((await stores.crls.newest({ issuer, partition: 1 }))?.partition, 1);
      });

      test('are made by one at a time, until the turn is over or given back', async () => {
        const scope = wholeOf(freshIssuer());
        const claim = (by: string, at: number, until: number) =>
          stores.crls.claim(scope, { by, now: later(at), until: later(until) });
        assert.equal(await claim('a', 0, 60), true);
        assert.equal(await claim('b', 1, 61), false);
        assert.equal(await claim('a', 20, 80), true);
        assert.equal(await claim('b', 79, 139), false);
        assert.equal(await claim('b', 80, 140), true);
        assert.equal(await claim('a', 81, 141), false);
        assert.equal(await claim('b', 82, 82), true);
        assert.equal(await claim('a', 82, 142), true);
      });
    });

    describe('CRLs', () => {
      test('are kept under their numbers, and the newest is found', async () => {
        const issuer = freshIssuer();
        assert.equal(await stores.crls.newest(wholeOf(issuer)), undefined);
        for (const number of [1, 2, 3]) {
          const crl = crlOf(issuer, number, { revocations: 2 * number });
          assert.equal(await stores.crls.add(crl), true);
          assert.deepEqual(await stores.crls.newest(wholeOf(issuer)), crl);
          assert.equal((await stores.crls.state(wholeOf(issuer)))?.newest, number);
        }
      });

      test('of a number that is taken, or beyond the next, are not stored', async () => {
        const issuer = freshIssuer();
        await stores.crls.add(crlOf(issuer, 1));
        await stores.crls.add(crlOf(issuer, 2));
        for (const number of [0, 1, 2, 4]) {
          const der = Uint8Array.of(0x31, 0);
          assert.equal(await stores.crls.add(crlOf(issuer, number, { der })), false);
        }
        assert.deepEqual(await stores.crls.newest(wholeOf(issuer)), crlOf(issuer, 2));
      });

      test('of one number: of those added at the same time, one is stored', async () => {
        const issuer = freshIssuer();
        const added = await Promise.all(
          Array.from({ length: 20 }, () => stores.crls.add(crlOf(issuer, 1))),
        );
        assert.equal(added.filter(Boolean).length, 1);
      });

      test('of two processes: one number is used once', async (t) => {
        const issuer = freshIssuer();
        const other = await open(home, limits);
        t.after(() => other.close());
        for (let number = 1; number <= 5; number++) {
          const added = await Promise.all(
            [stores, other].map(({ crls }) => crls.add(crlOf(issuer, number))),
          );
          assert.deepEqual(added.sort(), [false, true]);
        }
      });

      test('of several MiB are the same when they are read, and one before the newest is kept', async () => {
        const issuer = freshIssuer();
        const large = (number: number) =>
          crlOf(issuer, number, { der: new Uint8Array(randomBytes(5 * 2 ** 20 + number)) });
        for (let number = 1; number <= 3; number++) {
          const crl = large(number);
          assert.equal(await stores.crls.add(crl), true);
          const { der, ...rest } = (await stores.crls.newest(wholeOf(issuer))) ?? assert.fail();
          assert.equal(Buffer.compare(der, crl.der), 0);
          assert.deepEqual({ ...rest, der: crl.der }, crl);
          assert.equal(await stores.crls.add(large(number)), false);
        }
        const database = new DatabaseSync(join(home, databaseFile), { readOnly: true });
        const pieces = database
          .prepare('select id, count(*) as count from crl_octets group by id having count(*) > 1')
          .all();
        assert.deepEqual(
          pieces.map(({ count }) => count),
          [6, 6],
        );
        assert.deepEqual(database.prepare('select * from crl_draft').all(), []);
        database.close();
      });

      test('leave an entry in the audit log; the newest stay, older ones go', async () => {
        const issuer = freshIssuer();
        for (let number = 1; number <= 15; number++) await stores.crls.add(crlOf(issuer, number));
        const database = new DatabaseSync(join(home, databaseFile), { readOnly: true });
        const numbers = database
          .prepare('select number from crl where issuer = ? order by number')
          .all(issuer)
          .map(({ number }) => number);
        assert.deepEqual(numbers, [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        const entries = database
          .prepare(`select object from audit_log where action = 'crl.issued' and details like ?`)
          .all(`%"${issuer}"%`);
        assert.equal(entries.length, 15);
        database.close();
      });
    });
  });
}

describe('the database itself', () => {
  test('counts what was revoked before it counted', async () => {
    const transactions = new GroupCommit({ path: file('old'), busyTimeout });
    const { schema } = transactions;
    const first = { '0001-registry-and-ledger': registryAndLedger };
    const provider = { getMigrations: async () => first };
    await new Migrator({ db: schema, provider }).migrateToLatest();
    for (const [serial, revokedAt] of [
      ['01', null],
      ['02', '2029-01-01T00:00:00.000Z'],
      ['03', '2029-01-01T00:00:00.000Z'],
    ])
      await sql`insert into issuance (issuer, serial_number, to_be_signed, public_key_digest, request_digest, profile,
        credential_kind, credential_id, not_before, not_after, request_id, recorded_at, revoked_at, revocation_reason)
        values ('i', ${serial}, x'3000', 'k', 'r', 'device', 'operator', 'o', '2029', '2031-01-01T00:00:00.000Z', 'r',
        '2029', ${revokedAt}, 'superseded')`.execute(schema);
    await migrate(schema);
    const store = new SqlCrlStore(transactions);
    assert.equal((await store.state(wholeOf('i')))?.revocations, 2);
    assert.equal((await store.revoked(wholeOf('i'), beginning, 9)).length, 2);
    // Nor does it count again what is revoked already, or something else about a certificate.
    await sql`update issuance set revoked_at = '2029' where serial_number = '02'`.execute(schema);
    await sql`update issuance set issued_at = '2029' where serial_number = '01'`.execute(schema);
    assert.equal((await store.state(wholeOf('i')))?.revocations, 2);
    await transactions.close();
  });

  test('holds each number of an issuer once, whoever writes it', async () => {
    const transactions = new GroupCommit({ path: file('unique'), busyTimeout });
    await migrate(transactions.schema);
    const store = new SqlCrlStore(transactions);
    await store.add(crlOf('i', 1));
    await assert.rejects(
      transactions.write((t) =>
        sql`insert into crl select * from crl where issuer = 'i'`.execute(t),
      ),
      /UNIQUE constraint failed: crl.issuer, crl.partition, crl.number/,
    );
    await transactions.close();
  });
});
