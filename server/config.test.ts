import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkTokenConfig, tokenDefaults, tokenLimits } from '../hsm/token-config.ts';
import { configSchema } from './config-schema.ts';

test('the limits of a token are the same in the configuration and where it is opened', () => {
  const { hsm } = configSchema.shape;
  const token = { module: '/m.so', token: 't', pin: { env: 'P' } };
  for (const [name, [low, high]] of Object.entries(tokenLimits))
    for (const value of [low - 1, low, high, high + 1]) {
      const good = value >= low && value <= high;
      const limited = { ...token, [name]: value };
      assert.equal(hsm.safeParse(limited).success, good, `bestow.yaml: ${name} ${value}`);
      assert.equal(checkTokenConfig(limited).length === 0, good, `token: ${name} ${value}`);
    }
  assert.deepEqual(Object.keys(tokenLimits), Object.keys(tokenDefaults));
});
