import assert from 'node:assert/strict';
import { test } from 'node:test';
import { revokeCommand } from './cert-revocation.ts';

const refused: readonly (readonly [what: string, args: readonly string[], reason: RegExp])[] = [
  ['nothing', [], /one of them/],
  ['a serial number and a device', ['01ab', '--device', 'x'], /one of them/],
  ['a device and a key', ['--device', 'x', '--key', 'ab'.repeat(32)], /one of them/],
  ['no serial number', ['x'], /not a serial number/],
  ['what is no reason to revoke', ['01ab', '--reason', 'removeFromCRL'], /is not one of/],
  ...[
    'yesterday',
    '2026-01-31',
    '2026-01-31T12:00:00',
    '2026-13-01T00:00:00Z',
    '0000-01-01T00:00Z',
  ].map((at) => [`the time ${at}`, ['01ab', '--at', at], /is not a time/] as const),
  ['a time to come', ['01ab', '--at', '2999-01-01T00:00:00Z'], /in the future/],
];

for (const [what, args, message] of refused)
  test(`${what} is refused before anything is opened`, () =>
    assert.rejects(revokeCommand().parseAsync([...args, '--data', 'nowhere'], { from: 'user' }), {
      exitCode: 2,
      message,
    }));
