import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NonceMint, nonceLifetime } from './digest-nonce.ts';

const pepper = Buffer.alloc(32, 1);
const mint = new NonceMint(pepper);
const now = new Date('2030-01-01T00:00:00Z');
const after = (milliseconds: number) => new Date(now.getTime() + milliseconds);
const nonce = mint.make(now);

test('a nonce is new each time and fits into libest', () => {
  assert.notEqual(mint.make(now), nonce);
  assert.ok(nonce.length < 64);
  assert.match(nonce, /^[\w-]+$/);
});

test('a nonce is known to every process with the pepper, until it expires', () => {
  for (const by of [mint, new NonceMint(pepper)])
    for (const age of [0, nonceLifetime - 1])
      assert.deepEqual(by.expiryOf(nonce, after(age)), after(nonceLifetime));
  assert.equal(mint.expiryOf(nonce, after(nonceLifetime)), undefined);
});

test('a nonce may come from a clock a little ahead, not from one far ahead', () => {
  assert.deepEqual(mint.expiryOf(nonce, after(-60_000)), after(nonceLifetime));
  assert.equal(mint.expiryOf(nonce, after(-60_001)), undefined);
});

test('a nonce of another pepper is not known', () => {
  const foreign = new NonceMint(Buffer.alloc(32, 2)).make(now);
  assert.equal(mint.expiryOf(foreign, now), undefined);
});

test('a nonce with one character changed is not known, nor what is none', () => {
  for (let i = 0; i < nonce.length; i++) {
    const other = nonce[i] === 'A' ? 'B' : 'A';
    const changed = nonce.slice(0, i) + other + nonce.slice(i + 1);
    assert.equal(mint.expiryOf(changed, now), undefined, changed);
  }
  for (const text of ['', 'x', `${nonce}A`, nonce.slice(1), `${nonce.slice(0, -1)}=`])
    assert.equal(mint.expiryOf(text, now), undefined, text);
});
