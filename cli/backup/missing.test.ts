import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../../server/config.ts';
import { missingParts } from './missing.ts';

const keys = [
  { token: 'default', label: 'main-1', id: '0a0b' },
  { token: 'vault', label: 'root-1', id: '0c0d' },
];
const own = {
  module: '/usr/lib/softhsm/libsofthsm2.so',
  token: 'bestow',
  pin: { file: '/data/secrets/pin' },
  environment: { SOFTHSM2_CONF: '/data/hsm/softhsm2.conf' },
};

const missing = (change: object) =>
  missingParts(
    {
      directory: '/data',
      pepper: { file: '/data/secrets/pepper' },
      tokens: { default: own },
      events: { brokers: {} },
      ...change,
    } as unknown as Config,
    keys,
  );

test('a data directory with a token of its own lacks nothing', () => {
  assert.deepEqual(missing({}), []);
});

test('keys in a token elsewhere are named, each with its CKA_ID', () => {
  const vault = { ...own, token: 'vault-7', environment: {}, pin: { env: 'VAULT_PIN' } };
  const [pin, token, ...more] = missing({ tokens: { default: own, vault } });
  assert.match(pin ?? '', /PIN of the token "vault-7" is in the environment variable VAULT_PIN/);
  assert.match(token ?? '', /"vault-7" cannot leave .* hold root-1 \(CKA_ID 0c0d\)\.$/);
  assert.equal(more.length, 0);
});

test('secrets that stand elsewhere are named by their place', () => {
  assert.match(
    missing({ pepper: { file: '/etc/pepper' } }).join(),
    /hashed under is in \/etc\/pepper/,
  );
  const beside = { ...own, pin: { file: '/data-2/pin' } };
  assert.match(missing({ tokens: { default: beside } }).join(), /PIN .* is in \/data-2\/pin/);
  const broker = { password: { file: '/data/password' }, key: { file: '/etc/key' } };
  assert.deepEqual(missing({ events: { brokers: { 'broker.example:8883': broker } } }), [
    'The key for the broker broker.example:8883 is in /etc/key.',
  ]);
});
