/**
 * What every implementation owes of the states of the CA, run over each engine there is.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { type CaState, noCa } from '../ca/ca-state.ts';
import { databaseFile, engines } from '../test/support/storage-engines.ts';
import type { OpenStores } from './stores.ts';

const limits = { perCredentialAndSource: 9, perCredential: 9, perSource: 9, windowSeconds: 60 };
const change = (object: string) => ({
  at: new Date('2030-01-01T00:00:00Z'),
  by: 'operator:kim',
  action: 'ca.made',
  object,
  details: { serialNumber: '01ab' },
});
const stateOf = (name: string): CaState => ({ issuers: [{ name, token: 'default', keys: [] }] });

for (const [engine, open] of Object.entries(engines))
  describe(engine, () => {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-ca-state-'));
    let stores: OpenStores;
    before(async () => {
      stores = await open(directory, limits);
    });
    after(async () => {
      await stores.close();
      rmSync(directory, { recursive: true, force: true });
    });
    const inDatabase = <T>(work: (database: DatabaseSync) => T): T => {
      const database = new DatabaseSync(join(directory, databaseFile));
      try {
        return work(database);
      } finally {
        database.close();
      }
    };

    test('before there is one: version 0, and nothing in it', async () => {
      assert.deepEqual(await stores.caState.load(), { version: 0, state: noCa });
      assert.equal(await stores.caState.version(), 0);
    });

    test('each state follows the one before, with its audit entry', async () => {
      assert.equal(await stores.caState.save(0, stateOf('first'), change('first')), true);
      assert.equal(await stores.caState.save(1, stateOf('second'), change('second')), true);
      assert.deepEqual(await stores.caState.load(), { version: 2, state: stateOf('second') });
      assert.equal(await stores.caState.version(), 2);
      const entries = inDatabase((database) =>
        database
          .prepare(
            "select actor, object, details from audit_log where action = 'ca.made' order by id",
          )
          .all(),
      );
      assert.deepEqual(
        entries.map((entry) => ({ ...entry })),
        [
          {
            actor: 'operator:kim',
            object: 'first',
            details: '{"serialNumber":"01ab","version":1}',
          },
          {
            actor: 'operator:kim',
            object: 'second',
            details: '{"serialNumber":"01ab","version":2}',
          },
        ],
      );
    });

    test('who knows an older state changes nothing', async () => {
      for (const version of [0, 1, 7])
        assert.equal(await stores.caState.save(version, stateOf('late'), change('late')), false);
      assert.deepEqual((await stores.caState.load()).state, stateOf('second'));
    });

    test('of those who come at the same moment one is stored', async () => {
      const names = ['a', 'b', 'c', 'd'];
      const saved = await Promise.all(
        names.map((name) => stores.caState.save(2, stateOf(name), change(name))),
      );
      assert.deepEqual(saved.filter(Boolean).length, 1);
      assert.deepEqual(
        (await stores.caState.load()).state,
        stateOf(names[saved.indexOf(true)] ?? ''),
      );
    });

    test('no state of the past is changed or removed', () => {
      for (const sql of ["update ca_state set document = '{}'", 'delete from ca_state'])
        assert.throws(() => inDatabase((database) => database.exec(sql)), /only ever added/);
    });
  });
