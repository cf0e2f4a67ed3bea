/**
 * What every implementation owes of the versions of profiles, run over each engine there is.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { builtInProfiles } from '../ca/built-in-profiles.ts';
import type { ProfileConfig } from '../ca/certificate-profile.ts';
import { completeConfig } from '../ca/check-profile.ts';
import { defaultSettings, type GroupSettings } from '../enrollment/group-settings.ts';
import { databaseFile, engines } from '../test/support/storage-engines.ts';
import type { OpenStores } from './stores.ts';

const limits = { perCredentialAndSource: 9, perCredential: 9, perSource: 9, windowSeconds: 60 };
const now = new Date('2030-01-01T00:00:00Z');
const later = new Date('2030-01-02T00:00:00Z');
let counter = 0;
const fresh = (prefix: string) => `${prefix}-${++counter}`;

for (const [engine, open] of Object.entries(engines))
  describe(engine, () => {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-profiles-'));
    let stores: OpenStores;
    before(async () => {
      stores = await open(directory, limits);
      await stores.tenants.add({ id: 'acme', endpoints: [], label: 'acme' }, 'test', now);
    });
    after(async () => {
      await stores.close();
      rmSync(directory, { recursive: true, force: true });
    });

    const add = (name: string, config: ProfileConfig = {}) => {
      const complete = completeConfig(name, config, builtInProfiles());
      const draft = { name, text: `name: ${name} # ${config.validity}\n`, config: complete };
      return stores.profiles.add(draft, 'ann', now);
    };
    const activate = (name: string, version: number) =>
      stores.profiles.activate(name, version, 'bob', later);
    const activeOf = async (name: string) =>
      (await stores.profiles.active()).find((each) => each.name === name)?.version;
    const addGroup = (settings: Partial<GroupSettings>) => {
      const group = { label: fresh('group'), tenant: 'acme' };
      return stores.tenants.addGroup(
        { ...group, settings: { ...defaultSettings, ...settings } },
        'test',
        now,
      );
    };

    test('versions count up, and are kept as they were written', async () => {
      const name = fresh('sensor');
      const first = await add(name, { validity: '1h' });
      const second = await add(name, { validity: '2h' });
      assert.deepEqual([first.version, second.version], [1, 2]);
      assert.deepEqual(await stores.profiles.versions({ name }), [second, first]);
      assert.equal(second.text, `name: ${name} # 2h\n`);
      assert.deepEqual([second.createdBy, second.createdAt], ['ann', now]);
      assert.ok((await stores.profiles.versions({})).length >= 2);
    });

    test('one version of a profile is active at most, and each activation is seen', async () => {
      const name = fresh('sensor');
      const before = await stores.profiles.revision();
      for (const validity of ['1h', '2h']) await add(name, { validity });
      assert.equal(await stores.profiles.revision(), before);
      assert.equal(await activeOf(name), undefined);
      for (const version of [1, 2, 1]) {
        const seen = await stores.profiles.revision();
        assert.deepEqual(await activate(name, version), { kind: 'activated', name, version });
        assert.ok((await stores.profiles.revision()) > seen);
        const active = (await stores.profiles.versions({ name })).filter((each) => each.active);
        assert.deepEqual(
          active.map((each) => each.version),
          [version],
        );
      }
    });

    test('a version that is not there is not activated', async () => {
      const name = fresh('sensor');
      await add(name);
      assert.deepEqual(await activate(name, 2), { kind: 'unknown' });
      assert.deepEqual(await activate(fresh('none'), 1), { kind: 'unknown' });
    });

    test('rollback goes down through the versions that were active', async () => {
      const name = fresh('sensor');
      for (const validity of ['1h', '2h', '3h']) await add(name, { validity });
      for (const version of [1, 3]) await activate(name, version);
      const back = await stores.profiles.rollBack(name, 'bob', later);
      assert.deepEqual(back, { kind: 'activated', name, version: 1 });
      const { kind } = await stores.profiles.rollBack(name, 'bob', later);
      assert.equal(kind, 'refused');
      assert.equal(await activeOf(name), 1);
      assert.deepEqual(await stores.profiles.rollBack(fresh('none'), 'bob', later), {
        kind: 'unknown',
      });
    });

    test('rollback ends at the built-in profile, where there is one', async () => {
      await add('device', { validity: '1h' });
      await activate('device', 1);
      const back = await stores.profiles.rollBack('device', 'bob', later);
      assert.deepEqual(back, { kind: 'activated', name: 'device' });
      assert.equal(await activeOf('device'), undefined);
      assert.equal((await stores.profiles.rollBack('device', 'bob', later)).kind, 'unknown');
    });

    test('a group can have a profile that is built in or active, and that is for devices', async () => {
      const name = fresh('sensor');
      const refusal = async (profile: string) => {
        const outcome = await addGroup({ profile });
        return outcome.kind === 'refused' ? outcome.reason : outcome.kind;
      };
      assert.equal(await refusal('gateway'), 'added');
      assert.match(await refusal(name), /There is no profile/);
      await add(name);
      assert.match(await refusal(name), new RegExp(`bestow profile activate ${name} 1`));
      await activate(name, 1);
      assert.equal(await refusal(name), 'added');
      assert.match(await refusal('registration-authority'), /not for devices/);
      assert.match(await refusal('ocsp-responder'), /not for devices/);
    });

    test('what contradicts a profile is refused on either side', async () => {
      const name = fresh('sensor');
      await add(name, { keyTypes: ['P-256'] });
      await add(name, { keyTypes: ['P-384'] });
      await activate(name, 1);
      const outcome = await addGroup({ profile: name, keyTypes: ['RSA-2048'] });
      assert.equal(outcome.kind, 'refused');
      const group = await addGroup({ profile: name, keyTypes: ['P-256'] });
      assert.ok(group.kind === 'added');
      const change = { serverKeys: 'platform', serverKeyType: 'P-384', keyTypes: [] } as const;
      const changed = await stores.tenants.changeSettings(group.value.label, change, 'test', now);
      assert.match(changed.kind === 'refused' ? changed.reason : '', /has keys of type P-384 made/);
      const other = await activate(name, 2);
      assert.match(other.kind === 'refused' ? other.reason : '', /no key would do/);
      assert.equal(await activeOf(name), 1);
    });

    test('nothing of it can be changed afterwards, and the audit log has it', async () => {
      const name = fresh('sensor');
      await add(name);
      await activate(name, 1);
      using database = new DatabaseSync(join(directory, databaseFile));
      for (const table of ['profile', 'profile_activation']) {
        assert.throws(() => database.exec(`update ${table} set version = 2`), /only ever added/);
        assert.throws(() => database.exec(`delete from ${table}`), /only ever added/);
      }
      const rows = database
        .prepare('select actor, action, details from audit_log where object = ? order by id')
        .all(name);
      assert.deepEqual(
        rows.map((row) => ({ ...row })),
        [
          { actor: 'ann', action: 'profile.added', details: '{"version":1}' },
          { actor: 'bob', action: 'profile.activated', details: '{"version":1}' },
        ],
      );
    });
  });
