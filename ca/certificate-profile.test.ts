import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deviceProfile, parseDuration } from './certificate-profile.ts';

describe('durations', () => {
  const durations: Record<string, number> = {
    '1s': 1,
    '30s': 30,
    '15m': 900,
    '24h': 86_400,
    '90d': 7_776_000,
    '999999d': 86_399_913_600,
  };
  for (const [text, seconds] of Object.entries(durations))
    test(text, () => assert.equal(parseDuration(text), seconds));

  for (const text of [
    '',
    '90',
    'd',
    '0d',
    '000s',
    '-1d',
    '1.5h',
    '1 d',
    '1d ',
    '1w',
    '1D',
    '1d\n',
    '1d2h',
    '1000000d',
    '١d',
  ])
    test(`${JSON.stringify(text)} is none`, () =>
      assert.throws(() => parseDuration(text), TypeError));
});

test('a device is a TLS client and nothing else', () => {
  const profile = deviceProfile({ validity: '90d', endpoints: 'extension' });
  assert.deepEqual(profile.keyUsage, ['digitalSignature']);
  assert.deepEqual(profile.extendedKeyUsage, ['clientAuth']);
  assert.equal(profile.ca, undefined);
});
