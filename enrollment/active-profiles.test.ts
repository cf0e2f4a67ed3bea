import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { builtInProfiles } from '../ca/built-in-profiles.ts';
import type { ProfileConfig } from '../ca/certificate-profile.ts';
import { completeConfig } from '../ca/check-profile.ts';
import { Unavailable } from '../ca/unavailable.ts';
import { eventually } from '../test/support/eventually.ts';
import { ActiveProfiles } from './active-profiles.ts';
import type { DeviceRole } from './device.ts';
import { defaultSettings } from './group-settings.ts';
import type { ProfileVersion } from './profile-directory.ts';

const builtIn = builtInProfiles();
const endpointArc = '2.25.1';

function versionOf(name: string, version: number, config: ProfileConfig): ProfileVersion {
  const complete = completeConfig(name, config, builtIn);
  const by = { createdAt: new Date(0), createdBy: 'test' };
  return { name, version, text: '', config: complete, active: true, ...by };
}

/** A directory in memory, which counts what it is asked. */
function directoryOf(...profiles: ProfileVersion[]) {
  return {
    profiles,
    now: 1,
    reads: 0,
    fails: false,
    async revision() {
      if (this.fails) throw new Error('out of reach');
      return this.now;
    },
    async active() {
      this.reads++;
      return this.profiles;
    },
  };
}

const bearer = (profile: string, role: DeviceRole = 'device') => ({
  device: { role },
  group: { label: 'g', tenant: 't', settings: { ...defaultSettings, profile } },
});
const report = (error: unknown) => assert.fail(String(error));
const read = (directory: ReturnType<typeof directoryOf>) =>
  ActiveProfiles.read({ directory, builtIn, endpointArc, report });

describe('which profile a device has', () => {
  test('the one that its group names: built in, or the version that is active', async () => {
    const profiles = await read(directoryOf(versionOf('sensor', 1, { validity: '1h' })));
    assert.equal(profiles.of(bearer('gateway')), builtIn.get('gateway'));
    assert.equal(profiles.of(bearer('sensor')).validitySeconds, 3600);
  });

  test('a version takes the place of the built-in profile of its name', async () => {
    const profiles = await read(directoryOf(versionOf('device', 1, { validity: '1h' })));
    assert.equal(profiles.of(bearer('device')).validitySeconds, 3600);
  });

  test('a registration authority has its own, whatever its group names', async () => {
    const profiles = await read(directoryOf());
    const { extendedKeyUsage } = profiles.of(bearer('gateway', 'registration-authority'));
    assert.ok(extendedKeyUsage.includes('cmcRA'));
  });

  test('one that is not known yet is asked for again', async () => {
    const profiles = await read(directoryOf());
    assert.throws(() => profiles.of(bearer('sensor')), Unavailable);
  });
});

describe('following what is activated', () => {
  test('nothing is read while nothing was activated, and a profile stays the same value', async () => {
    const directory = directoryOf(versionOf('sensor', 1, {}), versionOf('device', 1, {}));
    const profiles = await read(directory);
    const before = profiles.named('device');
    await profiles.refresh();
    assert.equal(directory.reads, 1);
    directory.now++;
    directory.profiles[0] = versionOf('sensor', 2, { validity: '2h' });
    await profiles.refresh();
    assert.equal(profiles.named('sensor').validitySeconds, 7200);
    assert.equal(profiles.named('device'), before);
  });

  test('back to the built-in profile', async () => {
    const directory = directoryOf(versionOf('device', 1, { validity: '1h' }));
    const profiles = await read(directory);
    directory.now++;
    directory.profiles.pop();
    await profiles.refresh();
    assert.equal(profiles.named('device'), builtIn.get('device'));
  });

  test('by itself; the last profiles serve on while the directory is out of reach', async (t) => {
    const directory = directoryOf(versionOf('device', 1, { validity: '1h' }));
    const errors: unknown[] = [];
    const profiles = await ActiveProfiles.read({
      directory,
      builtIn,
      endpointArc,
      report: (error) => errors.push(error),
    });
    profiles.follow();
    t.after(() => profiles.close());
    directory.fails = true;
    await eventually(() => errors.length > 0);
    assert.equal(profiles.named('device').validitySeconds, 3600);
    directory.fails = false;
    directory.now++;
    directory.profiles[0] = versionOf('device', 2, { validity: '2h' });
    await eventually(() => profiles.named('device').validitySeconds === 7200);
  });
});
