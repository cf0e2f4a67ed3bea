import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { StagedDevice } from '../../enrollment/staging-area.ts';
import { type RuleOptions, ruleOf } from './rule.ts';

const now = new Date('2030-01-02T00:00:00Z');
const staged: StagedDevice = {
  id: 'req-0000000001',
  group: 'field',
  tenant: 'acme',
  device: 'pump.7',
  newcomer: true,
  publicKeyDigest: 'ab'.repeat(32),
  model: 'P7',
  subject: '',
  names: [],
  credential: { kind: 'request-key', id: 'ab'.repeat(32) },
  source: '10.1.7.12',
  state: 'pending',
  showsCode: false,
  wrongCodes: 0,
  otherKey: false,
  asks: 1,
  firstSeen: new Date('2030-01-01T12:00:00Z'),
  lastSeen: now,
  expiresAt: new Date('2030-01-08T00:00:00Z'),
};
const holds = (rule: Partial<RuleOptions>, changes: Partial<StagedDevice> = {}) =>
  ruleOf({ group: 'field', ...rule }, now)({ ...staged, ...changes });

describe('a decision by rule', () => {
  test('is about what all of its conditions are true of', () => {
    const ipv6 = { source: '2001:db8:1:2::/64' };
    const cases: [rule: Partial<RuleOptions>, changes: Partial<StagedDevice>, expected: boolean][] =
      [
        [{}, {}, true],
        [{}, { group: 'other' }, false],
        [{ tenant: 'acme', model: 'P7' }, {}, true],
        [{ tenant: 'acme', model: 'P8' }, {}, false],
        [{ model: 'P7' }, { model: 'P70' }, false],
        [{ id: 'pump.*' }, {}, true],
        [{ id: 'pump.?' }, {}, true],
        // A pattern is no regular expression.
        [{ id: 'pump.7' }, { device: 'pumpX7' }, false],
        [{ id: 'ump' }, {}, false],
        [{ id: 'p***7' }, {}, true],
        [{ source: '10.1.0.0/16' }, {}, true],
        [{ source: '10.2.0.0/16' }, {}, false],
        [{ source: '0.0.0.0/0' }, ipv6, false],
        [{ source: '2001:db8:1::/48' }, ipv6, true],
        [{ source: '2001:db8:1:3::/64' }, ipv6, false],
        [{ source: '::/0' }, { source: 'unknown' }, false],
        [{ seenAfter: '12h' }, {}, true],
        [{ seenAfter: '11h' }, {}, false],
        [{ seenBefore: '11h' }, {}, true],
        [{ seenBefore: '2030-01-01T12:00:00Z' }, {}, false],
      ];
    for (const [rule, changes, expected] of cases)
      assert.equal(holds(rule, changes), expected, JSON.stringify([rule, changes]));
  });

  test('is refused where a condition says nothing', () => {
    for (const [rule, sentence] of [
      [{ source: '10.1.0.0' }, /is no network/],
      [{ source: '2001:db8::/96' }, /known by their \/64/],
      [{ seenAfter: 'yesterday' }, /is no time/],
      [{ id: '*'.repeat(129) }, /at most 128/],
    ] as const)
      assert.throws(() => holds(rule), { name: 'TypeError', message: sentence });
  });
});
