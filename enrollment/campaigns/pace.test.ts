import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Pace, paceText, parsePace } from './campaign.ts';
import { dueAfter, dueReleases } from './pace.ts';

const at = (ms: number) => new Date(Date.UTC(2030, 0, 1) + ms);

test('a pace is devices in a time', () => {
  assert.deepEqual(parsePace('50/h'), { devices: 50, seconds: 3600 });
  for (const text of ['1/s', '100000/d', '7/min']) assert.equal(paceText(parsePace(text)), text);
  for (const text of ['', '50', '0/h', '-1/h', '1.5/h', '50/week', '100001/s', '50/h ', ' 5/h'])
    assert.throws(() => parsePace(text), { name: 'TypeError', message: /no pace/ }, text);
});

test('the first is due at once, and each further one after its share of the time', () => {
  const pace = { devices: 50, seconds: 3600 };
  assert.deepEqual(dueReleases({ pace, nextReleaseAt: at(0) }, at(0)), { count: 1, from: at(0) });
  const next = dueAfter(at(0), 1, pace);
  assert.deepEqual(next, at(72_000));
  assert.equal(dueReleases({ pace, nextReleaseAt: next }, at(71_999)).count, 0);
  assert.equal(dueReleases({ pace, nextReleaseAt: next }, at(72_000)).count, 1);
  assert.equal(dueReleases({ pace, nextReleaseAt: at(36_000_000) }, at(0)).count, 0);
});

test('what a server that stood still did not release is not made up for', () => {
  const pace = { devices: 10, seconds: 1 };
  assert.equal(dueReleases({ pace, nextReleaseAt: at(0) }, at(3_600_000)).count, 51);
  const fast = { devices: 1000, seconds: 1 };
  assert.equal(dueReleases({ pace: fast, nextReleaseAt: at(0) }, at(9000)).count, 200, 'at once');
  const slow = { devices: 50, seconds: 3600 };
  const { count, from } = dueReleases({ pace: slow, nextReleaseAt: at(0) }, at(36_000_000));
  assert.equal(count, 1);
  assert.ok(dueAfter(from, 1, slow) > at(36_000_000));
});

test('however often one looks, no stretch of time has more releases than the pace and five seconds give', () => {
  const pace: fc.Arbitrary<Pace> = fc.record({
    devices: fc.integer({ min: 1, max: 500 }),
    seconds: fc.constantFrom(1, 60, 3600),
  });
  const gaps = fc.array(fc.oneof(fc.nat(2000), fc.nat(600_000)), { minLength: 5, maxLength: 60 });
  fc.assert(
    fc.property(pace, gaps, (each, pauses) => {
      let now = 0;
      let nextReleaseAt = at(0);
      const looks: { now: number; count: number }[] = [];
      for (const pause of pauses) {
        now += pause;
        const { count, from } = dueReleases({ pace: each, nextReleaseAt }, at(now));
        if (count === 0) continue;
        looks.push({ now, count });
        const next = dueAfter(from, count, each);
        assert.ok(next > nextReleaseAt);
        nextReleaseAt = next;
      }
      for (const [i, first] of looks.entries()) {
        let released = 0;
        for (const last of looks.slice(i)) {
          released += last.count;
          const seconds = (last.now - first.now + 5000) / 1000;
          assert.ok(released <= (seconds * each.devices) / each.seconds + 1, `${released}`);
        }
      }
    }),
  );
});
