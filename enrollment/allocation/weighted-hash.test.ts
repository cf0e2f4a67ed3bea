import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Broker } from './allocation-policy.ts';
import { allocateWeighted, rankBrokers } from './weighted-hash.ts';

const none: ReadonlySet<string> = new Set();
const brokerOf = (id: string, weight: number): Broker => ({
  id,
  weight,
  endpoints: [`mqtts://${id}.example:8883`],
});
const devices = (count: number, prefix = 'device') =>
  Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
const firstOf = (device: string, brokers: readonly Broker[], down = none) =>
  rankBrokers(device, brokers, down)[0]?.id ?? '';

const brokerId = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,10}$/);
const weight = fc.double({ min: 0.1, max: 10, noNaN: true });
const fleet = fc
  .uniqueArray(fc.tuple(brokerId, weight), { selector: ([id]) => id, minLength: 2, maxLength: 8 })
  .map((list) => list.map(([id, each]) => brokerOf(id, each)));
const deviceId = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,40}$/);

/** Six standard deviations of a binomial share, in devices. */
const tolerance = (count: number, share: number) => 6 * Math.sqrt(count * share * (1 - share)) + 1;

describe('weighted rendezvous hash', () => {
  test('divides 20,000 devices by weight', () => {
    const brokers = [brokerOf('a', 1), brokerOf('b', 2), brokerOf('c', 5), brokerOf('d', 0.5)];
    const total = 8.5;
    const counts = new Map<string, number>();
    for (const device of devices(20_000)) {
      const id = firstOf(device, brokers);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    for (const { id, weight: own } of brokers) {
      const expected = (20_000 * own) / total;
      const off = Math.abs((counts.get(id) ?? 0) - expected);
      assert.ok(off <= tolerance(20_000, own / total), `${id}: ${counts.get(id)}, not ${expected}`);
    }
  });

  test('a broker that is added takes devices to itself alone, and about its share of them', () =>
    fc.assert(
      fc.property(fleet, weight, fc.stringMatching(/^[a-z]{8}$/), (brokers, own, prefix) => {
        const added = brokerOf('zz-added.broker', own);
        const more = [...brokers, added];
        const share = own / more.reduce((sum, each) => sum + each.weight, 0);
        let moved = 0;
        for (const device of devices(500, prefix)) {
          const [was, is] = [firstOf(device, brokers), firstOf(device, more)];
          if (was === is) continue;
          assert.equal(is, added.id);
          moved++;
        }
        assert.ok(Math.abs(moved - 500 * share) <= tolerance(500, share), `${moved} of ${share}`);
      }),
      { numRuns: 60 },
    ));

  test('of a broker that is taken away only its own devices move, each to its next', () =>
    fc.assert(
      fc.property(fleet, fc.nat(), fc.array(deviceId, { maxLength: 50 }), (brokers, at, ids) => {
        const gone = brokers[at % brokers.length]?.id;
        const left = brokers.filter(({ id }) => id !== gone);
        for (const device of ids) {
          const ranking = rankBrokers(device, brokers, none).map(({ id }) => id);
          const expected = ranking.find((id) => id !== gone);
          assert.equal(firstOf(device, left), expected);
        }
      }),
    ));

  test('a greater weight draws devices and drives none away', () =>
    fc.assert(
      fc.property(fleet, fc.array(deviceId, { maxLength: 50 }), weight, (brokers, ids, more) => {
        const [grown, ...others] = brokers;
        assert.ok(grown);
        const after = [{ ...grown, weight: grown.weight + more }, ...others];
        for (const device of ids) {
          const [was, is] = [firstOf(device, brokers), firstOf(device, after)];
          assert.ok(is === was || is === grown.id);
        }
      }),
    ));

  test('the order in which brokers are written plays no part, nor do their addresses', () =>
    fc.assert(
      fc.property(fleet, deviceId, (brokers, device) => {
        const other = [...brokers].reverse().map((each) => ({ ...each, endpoints: ['wss://x'] }));
        assert.equal(firstOf(device, other), firstOf(device, brokers));
      }),
    ));

  test('another process says the same', () => {
    const brokers = [brokerOf('a', 1), brokerOf('b', 2), brokerOf('c', 3)];
    const url = new URL('./weighted-hash.ts', import.meta.url).href;
    const script = `const { rankBrokers } = await import(${JSON.stringify(url)});
      const brokers = ${JSON.stringify(brokers)};
      const ids = Array.from({ length: 200 }, (_, i) => 'device-' + i);
      console.log(JSON.stringify(ids.map((id) => rankBrokers(id, brokers, new Set()).map((b) => b.id))));`;
    const there = execFileSync(process.execPath, ['--input-type=module', '-e', script]);
    const here = devices(200).map((id) => rankBrokers(id, brokers, none).map((each) => each.id));
    assert.deepEqual(JSON.parse(there.toString()), here);
  });

  test('devices stay where an earlier version put them', () => {
    const brokers = [brokerOf('eu-1', 1), brokerOf('eu-2', 2), brokerOf('eu-3', 3)];
    const placed = devices(12).map((device) => firstOf(device, brokers));
    assert.equal(placed.join(' '), 'eu-2 eu-2 eu-3 eu-3 eu-2 eu-1 eu-3 eu-3 eu-1 eu-2 eu-1 eu-1');
  });

  test('a broker of weight 0 gets nobody, not even as alternative', () => {
    const brokers = [brokerOf('a', 0), brokerOf('b', 1), brokerOf('c', 1)];
    for (const device of devices(300)) {
      const { endpoints, broker } = allocateWeighted(device, brokers, 2, none);
      assert.notEqual(broker, 'a');
      assert.equal(endpoints.length, 2);
      assert.ok(!endpoints.some((each) => each.includes('//a.')));
    }
  });

  test('the devices of a broker marked down go to their next, and those of others stay', () => {
    const brokers = [brokerOf('a', 1), brokerOf('b', 2), brokerOf('c', 3)];
    const down = new Set(['mqtts://b.example:8883']);
    for (const device of devices(300)) {
      const ranking = rankBrokers(device, brokers, none).map(({ id }) => id);
      assert.equal(
        firstOf(device, brokers, down),
        ranking.find((id) => id !== 'b'),
      );
      assert.equal(rankBrokers(device, brokers, down).at(-1)?.id, 'b');
    }
  });

  test('a broker is down when all its endpoints are; those that are up come first', () => {
    const two = { id: 'a', weight: 1, endpoints: ['mqtts://a1', 'mqtts://a2'] };
    const brokers = [two, brokerOf('b', 1)];
    const down = new Set(['mqtts://a1']);
    const device = devices(100).find((each) => firstOf(each, brokers) === 'a') ?? '';
    assert.deepEqual(allocateWeighted(device, brokers, 1, down), {
      endpoints: ['mqtts://a2', 'mqtts://a1', 'mqtts://b.example:8883'],
      broker: 'a',
    });
  });

  test('alternatives are the brokers that the device would have without the first', () =>
    fc.assert(
      fc.property(fleet, deviceId, (brokers, device) => {
        const [first, second] = rankBrokers(device, brokers, none);
        assert.deepEqual(allocateWeighted(device, brokers, 1, none).endpoints, [
          ...(first?.endpoints ?? []),
          ...(second?.endpoints ?? []),
        ]);
      }),
    ));
});
