import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ClockGuard, clockTolerance } from './clock-guard.ts';

const notBefore = new Date('2030-01-01T00:00:00Z');
const notAfter = new Date('2031-01-01T00:00:00Z');
const latest = new Date('2030-06-01T00:00:00Z');
const at = (milliseconds: number) => new Date(latest.getTime() + milliseconds);

function guardOver(entry: Date | undefined) {
  const looks = { count: 0, entry };
  const latestEntry = async () => {
    looks.count++;
    return looks.entry;
  };
  return { looks, guard: new ClockGuard({ notBefore, notAfter }, { latestEntry }) };
}

const refused = { name: 'ClockRefused', message: /accept-clock/, retryAfter: 300 };
const outside = { name: 'OutsideCaValidity', message: /the issuing CA is valid from 2030-01-01/ };

describe('the audit log', () => {
  test('may be five minutes ahead of the clock, and no more', async () => {
    await guardOver(latest).guard.require(at(-clockTolerance));
    await assert.rejects(guardOver(latest).guard.require(at(-clockTolerance - 1)), refused);
  });

  test('may be empty', () => guardOver(undefined).guard.require(latest));

  test('is looked at once a second, and again when the clock goes back', async () => {
    const { looks, guard } = guardOver(latest);
    for (const time of [0, 1, 500, 999]) await guard.require(at(time));
    assert.equal(looks.count, 1);
    await guard.require(at(1000));
    assert.equal(looks.count, 2);
    await assert.rejects(guard.require(at(-clockTolerance - 1)), refused);
    assert.equal(looks.count, 3);
  });

  test('is looked at again after a refusal', async () => {
    const { looks, guard } = guardOver(latest);
    await assert.rejects(guard.require(at(-clockTolerance - 1)), refused);
    await assert.rejects(guard.require(at(-clockTolerance - 1)), refused);
    looks.entry = at(-clockTolerance);
    await guard.require(at(-clockTolerance - 1));
  });
});

describe("the issuer's validity", () => {
  for (const [what, time] of Object.entries({
    'before it began': new Date(notBefore.getTime() - 1),
    'at its end': notAfter,
  }))
    test(what, () => assert.rejects(guardOver(undefined).guard.require(time), outside));

  test('counts also right after a look at the audit log', async () => {
    const { guard } = guardOver(undefined);
    await guard.require(new Date(notAfter.getTime() - 1));
    await assert.rejects(guard.require(notAfter), outside);
  });
});
