import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RevocationChallenges } from './revocation-challenge.ts';

const challenges = new RevocationChallenges(Buffer.alloc(32, 1));

test('a revocation challenge is recognised by what is kept of it', () => {
  for (const text of ['secret', 'Schlüssel', 'a'.repeat(255)])
    assert.equal(challenges.matches(text, challenges.conceal(text)), true);
});

test('no other text is, and nothing without the key', () => {
  const concealed = challenges.conceal('secret');
  for (const text of ['Secret', 'secret ', '', concealed])
    assert.equal(challenges.matches(text, concealed), false);
  const elsewhere = new RevocationChallenges(Buffer.alloc(32, 2));
  assert.equal(elsewhere.matches('secret', concealed), false);
});

test('what is kept does not show the text, nor that two are the same', () => {
  const [one, other] = [challenges.conceal('secret'), challenges.conceal('secret')];
  assert.notEqual(one, other);
  assert.match(one, /^[\w-]{22}\.[\w-]{43}$/);
  assert.ok(!Buffer.from(one, 'base64url').includes('secret'));
});

test('what was damaged matches nothing', () => {
  const concealed = challenges.conceal('secret');
  const [salt, hash] = concealed.split('.');
  for (const damaged of ['', '.', `${salt}.`, `.${hash}`, `${salt}.${hash?.slice(4)}`])
    assert.equal(challenges.matches('secret', damaged), false, damaged);
  assert.equal(challenges.matches('', '.'), false);
});
