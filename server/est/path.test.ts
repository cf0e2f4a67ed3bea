import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEstPath } from './path.ts';

const paths: Record<string, ReturnType<typeof readEstPath>> = {
  '/.well-known/est/cacerts': { operation: 'cacerts' },
  '/.well-known/est/cacerts?x=1': { operation: 'cacerts' },
  '/.well-known/est/%63acerts': { operation: 'cacerts' },
  '/%2ewell-known/est/cacerts': { operation: 'cacerts' },
  '/.well-known/est/factory-7/simpleenroll': { label: 'factory-7', operation: 'simpleenroll' },
  '/.well-known/est/a%2Fb/cacerts': { label: 'a/b', operation: 'cacerts' },
  '/.well-known/est/CACERTS': { operation: 'CACERTS' },
  '/.well-known/est/cacerts/': undefined,
  '/.well-known/est/': undefined,
  '/.well-known/est': undefined,
  '/.well-known/est//cacerts': undefined,
  '/.well-known/est/a/b/cacerts': undefined,
  '/.well-known//est/cacerts': undefined,
  '/.well-known/est/x/../cacerts': undefined,
  '/.well-known/est/%zz': undefined,
  '/.WELL-KNOWN/est/cacerts': undefined,
  '/cacerts': undefined,
  '/': undefined,
};

for (const [target, expected] of Object.entries(paths))
  test(`${target} is ${expected ? JSON.stringify(expected) : 'no EST path'}`, () => {
    assert.deepEqual(readEstPath(target), expected);
  });
