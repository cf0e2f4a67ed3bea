import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type BootstrapCredential,
  checkBootstrapTerms,
  hashBootstrapSecret,
  makeBootstrapId,
  makeBootstrapSecret,
  objectionToQuota,
  objectionToWindow,
  readBootstrapId,
  standingOf,
} from './bootstrap-credential.ts';
import { hashOneTimePassword } from './one-time-password.ts';

const now = new Date('2030-01-01T00:00:00Z');
const days = (count: number) => new Date(now.getTime() + count * 86_400_000);
const credential: BootstrapCredential = {
  id: 'boot-0123456789',
  group: 'batch',
  quota: 3,
  uses: 2,
  state: 'active',
  notBefore: now,
  notAfter: days(30),
  createdAt: now,
  createdBy: 'ann',
};

describe('ids and secrets', () => {
  test('an id is told from other user names, letter case aside', () => {
    const id = makeBootstrapId();
    assert.equal(readBootstrapId(id), id);
    assert.equal(readBootstrapId(id.toUpperCase()), id);
    for (const other of [
      '',
      'pump-1',
      'otp-0123456789',
      `${id}0`,
      ` ${id}`,
      `${id}\n`,
      'boot-012345678o',
    ])
      assert.equal(readBootstrapId(other), undefined, other);
  });

  test('a secret has 140 bits, and is hashed as it was made however it is typed', () => {
    const secret = makeBootstrapSecret();
    assert.equal(secret.replaceAll('-', '').length, 28);
    const pepper = Buffer.alloc(32, 1);
    const hash = hashBootstrapSecret('boot-0123456789', secret, pepper);
    const typed = secret.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o');
    assert.equal(hashBootstrapSecret('boot-0123456789', typed, pepper), hash);
    for (const other of [
      hashBootstrapSecret('boot-0123456780', secret, pepper),
      hashBootstrapSecret('boot-0123456789', makeBootstrapSecret(), pepper),
      hashBootstrapSecret('boot-0123456789', secret, Buffer.alloc(32, 2)),
      hashOneTimePassword(secret, pepper),
      // What a one-time password would have to be to collide, if both were hashed alike.
      hashOneTimePassword(`bootstrap credential\0boot-0123456789\0${secret}`, pepper),
    ])
      assert.notEqual(other, hash);
  });
});

describe('terms', () => {
  test('a quota and a window that can be', () => {
    for (const quota of [1, 100_000])
      checkBootstrapTerms({ quota, notBefore: days(366), notAfter: days(732) }, now);
  });
  const { quota, notBefore, notAfter } = credential;
  const usual = { quota, notBefore, notAfter };
  for (const [what, change, says] of [
    ['no device', { quota: 0 }, /from 1 to 100000/],
    ['too many devices', { quota: 100_001 }, /from 1 to 100000/],
    ['half a device', { quota: 1.5 }, /from 1 to 100000/],
    ['no number', { quota: Number.NaN }, /from 1 to 100000/],
    ['a window that has ended', { notBefore: days(-2), notAfter: now }, /after now/],
    [
      'a window that ends before it begins',
      { notBefore: days(3), notAfter: days(2) },
      /after it begins/,
    ],
    ['a year and more', { notAfter: days(367) }, /366 days at most/],
    ['a day that is far off', { notBefore: days(367), notAfter: days(368) }, /within 366 days/],
  ] as const)
    test(`not: ${what}`, () => {
      assert.throws(() => checkBootstrapTerms({ ...usual, ...change }, now), {
        name: 'TypeError',
        message: says,
      });
    });
});

test('what it stands for: what is final comes first', () => {
  const used = { uses: 3 };
  const revoked = { state: 'revoked' } as const;
  for (const [change, at, standing] of [
    [{}, now, 'open'],
    [{}, days(-1), 'not-open-yet'],
    [{}, days(30), 'ended'],
    [used, days(1), 'used-up'],
    [used, days(31), 'ended'],
    [{ ...used, ...revoked }, days(31), 'revoked'],
  ] as const)
    assert.equal(standingOf({ ...credential, ...change }, at), standing);
});

test('the window has its beginning and not its end', () => {
  assert.match(objectionToWindow(credential, days(-1)) ?? '', /can be used from 2030-01-01T00:00/);
  assert.equal(objectionToWindow(credential, now), undefined);
  assert.equal(objectionToWindow(credential, new Date(days(30).getTime() - 1)), undefined);
  assert.match(objectionToWindow(credential, days(30)) ?? '', /could be used until 2030-01-31/);
  assert.equal(objectionToQuota(credential), undefined);
  assert.match(objectionToQuota({ ...credential, uses: 3 }) ?? '', /for 3 device\(s\)/);
});
