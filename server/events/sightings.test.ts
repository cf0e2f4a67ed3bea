/** What is noted of devices: once, and not without bounds. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sighting } from '../../enrollment/events/event.ts';
import { Sightings } from './sightings.ts';

function noting(note = async (_: readonly Sighting[]) => {}) {
  const written: Sighting[] = [];
  const warnings: unknown[] = [];
  const events = {
    note: async (sightings: readonly Sighting[]) => {
      await note(sightings);
      written.push(...sightings);
    },
  };
  const sightings = new Sightings(events, { warn: (fields: unknown) => warnings.push(fields) });
  return { sightings, written, warnings };
}

const seen = (device: string, ms = 0): Sighting => ({
  ...{ type: 'bestow.device.seen', device, at: new Date(ms), data: {} },
});
const refused = (device: string, ms = 0): Sighting => ({
  ...seen(device, ms),
  type: 'bestow.device.refused',
});
const hour = 3_600_000;

test('a device is seen once an hour, and refused for the same reason once in ten minutes', async () => {
  const { sightings, written } = noting();
  for (const ms of [0, 1, hour - 1, hour]) sightings.note(seen('a', ms));
  sightings.note(seen('b'));
  for (const ms of [0, hour / 6 - 1, hour / 6]) sightings.note(refused('a', ms), 'device-blocked');
  sightings.note(refused('a', 1), 'key-in-use');
  await sightings.flush();
  const of = (type: string) => written.filter((each) => each.type === type).length;
  assert.equal(of('bestow.device.seen'), 3);
  assert.equal(of('bestow.device.refused'), 3);
});

test('what is too much is dropped, and said', async () => {
  const { sightings, written, warnings } = noting();
  for (let i = 0; i < 1500; i += 1) sightings.note(seen(`device-${i}`));
  await sightings.flush();
  assert.equal(written.length, 1000);
  assert.deepEqual(warnings, [{ dropped: 500 }]);
});

test('a database that is away loses notes, and nothing else', async () => {
  let away = true;
  const { sightings, written, warnings } = noting(async () => {
    if (away) throw new Error('away');
  });
  sightings.note(seen('a'));
  await sightings.flush();
  assert.equal(warnings.length, 1);
  away = false;
  sightings.note(seen('b'));
  await sightings.flush();
  assert.deepEqual(
    written.map(({ device }) => device),
    ['b'],
  );
});
