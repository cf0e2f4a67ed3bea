import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, test } from 'node:test';
import { hashOneTimePassword, makeCredentialId, makeOneTimePassword } from './one-time-password.ts';

const pepper = Buffer.alloc(32, 7);
const form = /^([0-9A-HJKMNP-TV-Z]{4}-){6}[0-9A-HJKMNP-TV-Z]{4}$/;

test('a one-time password: 28 symbols of Crockford’s base32, in groups of four', () => {
  for (let i = 0; i < 200; i++) assert.match(makeOneTimePassword(), form);
});

test('one-time passwords do not repeat, and each symbol stands at each place equally often', () => {
  const count = 3200;
  const passwords = Array.from({ length: count }, () => makeOneTimePassword().replaceAll('-', ''));
  assert.equal(new Set(passwords).size, count);
  for (let place = 0; place < 28; place++) {
    const seen = new Map<string, number>();
    for (const password of passwords) {
      const symbol = password[place] ?? '';
      seen.set(symbol, (seen.get(symbol) ?? 0) + 1);
    }
    assert.equal(seen.size, 32);
    // 100 of each are expected; nine standard deviations are 89.
    for (const [symbol, times] of seen)
      assert.ok(times > 11 && times < 189, `${symbol} at ${place}: ${times}`);
  }
});

test('credential ids: told apart, and no secret of the password', () => {
  const ids = Array.from({ length: 1000 }, makeCredentialId);
  assert.equal(new Set(ids).size, 1000);
  for (const id of ids) assert.match(id, /^otp-[0-9a-hjkmnp-tv-z]{10}$/);
});

describe('a password as people type it', () => {
  const password = 'A0B1-CDEF-GH10-JKMN-PQRS-TVWX-YZ01';
  for (const typed of [
    password.toLowerCase(),
    password.replaceAll('-', ''),
    password.replaceAll('-', ' '),
    ` ${password}\r\n`,
    password.replaceAll('0', 'O').replaceAll('1', 'I'),
    password.replaceAll('0', 'o').replaceAll('1', 'l'),
  ])
    test(JSON.stringify(typed), () => {
      assert.equal(hashOneTimePassword(typed, pepper), hashOneTimePassword(password, pepper));
    });

  for (const other of [
    '',
    password.slice(0, -1),
    `${password}0`,
    password.replace('A', 'B'),
    `${password}\0`,
    password.replace('B', '8'),
    password.replace('V', 'U'),
  ])
    test(`${JSON.stringify(other)} is another`, () => {
      assert.notEqual(hashOneTimePassword(other, pepper), hashOneTimePassword(password, pepper));
    });
});

test('what is stored is an HMAC-SHA-256 under the pepper', () => {
  const expected = createHmac('sha256', pepper).update('ABCD0123').digest('hex');
  assert.equal(hashOneTimePassword('abcd-o123', pepper), expected);
  assert.notEqual(hashOneTimePassword('abcd-o123', Buffer.alloc(32, 8)), expected);
});
