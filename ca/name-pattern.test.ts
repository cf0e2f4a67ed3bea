import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { matchesPattern } from './name-pattern.ts';

const values = { device: 'Pump-1', tenant: 'acme', serial: undefined, 'context.hall': '7' };
const rows: [name: string, pattern: string, matches: boolean][] = [
  ['DNS:a.example', 'DNS:a.example', true],
  ['DNS:a.example', 'DNS:A.Example', true],
  ['DNS:a.example', 'DNS:*.example', true],
  ['DNS:a.b.example', 'DNS:*.example', false],
  ['DNS:.example', 'DNS:*.example', false],
  ['DNS:a.example.evil', 'DNS:*.example', false],
  ['DNS:pump-1.plant.example', 'DNS:{device}.plant.example', true],
  ['DNS:pump-2.plant.example', 'DNS:{device}.plant.example', false],
  ['DNS:pump-1x.plant.example', 'DNS:{device}*.plant.example', true],
  ['DNS:pump-1.plant.example', 'DNS:{device}*.plant.example', false],
  ['DNS:acme-x.acme.example', 'DNS:*-*.{tenant}.example', true],
  ['DNS:x.example', 'DNS:{serial}.example', false],
  ['DNS:h7.example', 'DNS:h{context.hall}.example', true],
  ['DNS:h.example', 'DNS:h{context.floor}.example', false],
  ['URI:urn:dev:x', 'URI:urn:dev:*', true],
  ['URI:urn:dev:x/y', 'URI:urn:dev:*', false],
  ['URI:URN:dev:x', 'URI:urn:dev:*', false],
  ['URI:urn:dev:Pump-1', 'URI:urn:dev:{device}', true],
  ['IP:192.0.2.17', 'IP:192.0.2.*', true],
  ['IP:192.0.2.17', 'DNS:*', false],
  ['DNS:aXb', 'DNS:a.b', false],
  ['DNS:aab', 'DNS:*a*b', false],
  ['DNS:aaacb', 'DNS:*a*b', true],
];

describe('names and patterns', () => {
  for (const [name, pattern, matches] of rows)
    test(`${name} ${matches ? 'fits' : 'does not fit'} ${pattern}`, () =>
      assert.equal(matchesPattern(name, pattern, values), matches));
});

test('a value is no pattern', () => {
  assert.equal(matchesPattern('DNS:b.example', 'DNS:{device}.example', { device: '*' }), false);
});

test('many wildcards are matched in no time', () => {
  const pattern = `DNS:${'*a'.repeat(30)}*b`;
  const started = performance.now();
  assert.equal(matchesPattern(`DNS:${'a'.repeat(250)}`, pattern, {}), false);
  assert.ok(performance.now() - started < 1000);
});
