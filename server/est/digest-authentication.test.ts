import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { digestOf } from '../../enrollment/digest-secret.ts';
import { StaleNonce } from '../../enrollment/refusal.ts';
import { readAuthorization } from './authorization-header.ts';
import { digestChallenge, readDigestResponse } from './digest-authentication.ts';
import { NonceMint, nonceLifetime } from './digest-nonce.ts';

const mint = new NonceMint(Buffer.alloc(32, 1));
const now = new Date('2030-01-01T00:00:00Z');
const nonce = mint.make(now);
const target = { method: 'POST', target: '/.well-known/est/simpleenroll' };
const right: Record<string, string> = {
  username: 'device-1',
  realm: 'EST',
  nonce,
  uri: target.target,
  algorithm: 'SHA-256',
  qop: 'auth',
  nc: '00000001',
  cnonce: 'abc',
  response: 'ab'.repeat(32),
};

function read(changes: Record<string, string | undefined> = {}, at = now) {
  const parameters = Object.entries({ ...right, ...changes }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return readDigestResponse(new Map(parameters), target, mint, at);
}

test('RFC 7616 section 3.9.1: the same response as in the example', () => {
  const responses = {
    'SHA-256': '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1',
    MD5: '8ca523f5e9506fed4657c9700eebdbec',
  } as const;
  const of = {
    nonce: '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v',
    cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
  };
  for (const algorithm of ['SHA-256', 'MD5'] as const) {
    const secret = digestOf(algorithm, 'Mufasa:http-auth@example.org:Circle of Life');
    const target = digestOf(algorithm, 'GET:/dir/index.html');
    assert.equal(
      digestOf(algorithm, `${secret}:${of.nonce}:00000001:${of.cnonce}:auth:${target}`),
      responses[algorithm],
    );
  }
});

describe('a challenge', () => {
  test('names SHA-256, and is what MD5 clients know when it is for MD5', () => {
    assert.equal(
      digestChallenge('SHA-256', nonce, false),
      `Digest realm="EST", qop="auth", nonce="${nonce}", algorithm=SHA-256, charset=UTF-8`,
    );
    assert.equal(
      digestChallenge('MD5', nonce, false),
      `Digest realm="EST", qop="auth", nonce="${nonce}"`,
    );
  });

  test('says when only the nonce was too old', () => {
    for (const algorithm of ['SHA-256', 'MD5'] as const)
      assert.match(digestChallenge(algorithm, nonce, true), /, stale=true$/);
  });

  test('follows the grammar it is read by', () => {
    const challenge = digestChallenge('SHA-256', nonce, true);
    assert.deepEqual(Object.fromEntries(readAuthorization(challenge)?.parameters ?? []), {
      realm: 'EST',
      qop: 'auth',
      nonce,
      algorithm: 'SHA-256',
      charset: 'UTF-8',
      stale: 'true',
    });
  });
});

describe('a response', () => {
  test('is read with what it is a digest of', () => {
    const { data, nonceUse, ...rest } = read();
    assert.deepEqual(rest, {
      userName: 'device-1',
      algorithm: 'SHA-256',
      response: Buffer.alloc(32, 0xab),
    });
    const targetDigest = digestOf('SHA-256', 'POST:/.well-known/est/simpleenroll');
    assert.equal(data, `${nonce}:00000001:abc:auth:${targetDigest}`);
    const expiresAt = new Date(now.getTime() + nonceLifetime);
    assert.deepEqual(nonceUse, { nonce, count: 1, expiresAt });
  });

  test('is read without an algorithm as MD5, and with any letter case', () => {
    const response = 'AB'.repeat(16);
    assert.equal(read({ algorithm: undefined, response }).algorithm, 'MD5');
    assert.equal(read({ algorithm: 'md5', response }).algorithm, 'MD5');
    assert.equal(read({ algorithm: 'sha-256', qop: 'AUTH' }).algorithm, 'SHA-256');
    assert.equal(read({ nc: '0000001F' }).nonceUse.count, 31);
  });

  test('may name nobody, and may have an opaque value that we never gave', () => {
    assert.equal(read({ username: '', opaque: 'x' }).userName, '');
  });

  const improper: Record<string, Record<string, string | undefined>> = {
    'without user name': { username: undefined },
    'without realm': { realm: undefined },
    'for another realm': { realm: 'est' },
    'without nonce': { nonce: undefined },
    'without uri': { uri: undefined },
    'for another uri': { uri: '/.well-known/est/simplereenroll' },
    'for the uri of another host': { uri: 'https://other/.well-known/est/simpleenroll' },
    'with an algorithm that was not offered': { algorithm: 'SHA-512-256' },
    'with a session algorithm': { algorithm: 'SHA-256-sess' },
    'with a digest too short': { response: 'ab'.repeat(31) },
    'with a digest of another algorithm': { response: 'ab'.repeat(16) },
    'with a digest that is not hexadecimal': { response: 'xy'.repeat(32) },
    'without response': { response: undefined },
    'without qop': { qop: undefined },
    'with qop auth-int': { qop: 'auth-int' },
    'without cnonce': { cnonce: undefined },
    'with an empty cnonce': { cnonce: '' },
    'without nc': { nc: undefined },
    'with an nc of nought': { nc: '00000000' },
    'with an nc of seven digits': { nc: '0000001' },
    'with an nc that is no number': { nc: '0000000g' },
    'with a hashed user name': { userhash: 'true' },
    'with an extended user name': { 'username*': "UTF-8''device-1" },
  };
  for (const [what, changes] of Object.entries(improper))
    test(`is refused ${what}`, () => {
      assert.throws(
        () => read(changes),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, 'unauthenticated');
          assert.ok(!(error instanceof StaleNonce));
          return true;
        },
      );
    });

  test('is to be repeated with a new nonce when its own is too old or not ours', () => {
    const late = new Date(now.getTime() + nonceLifetime);
    assert.throws(() => read({}, late), StaleNonce);
    assert.throws(() => read({ nonce: new NonceMint(Buffer.alloc(32)).make(now) }), StaleNonce);
    assert.throws(() => read({ nonce: 'mine' }), StaleNonce);
  });
});
