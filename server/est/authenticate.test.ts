import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { sourceOf } from './authenticate.ts';

const sources: Record<string, string> = {
  '192.0.2.7': '192.0.2.7',
  '::ffff:192.0.2.7': '192.0.2.7',
  '2001:db8:1:2:3:4:5:6': '2001:db8:1:2::/64',
  '2001:db8:1:2::6': '2001:db8:1:2::/64',
  '2001:db8::6': '2001:db8:0:0::/64',
  '::1': '0:0:0:0::/64',
  'fe80::1%eth0': 'fe80:0:0:0::/64',
  '2001:db8:1:2::': '2001:db8:1:2::/64',
};

for (const [remoteAddress, source] of Object.entries(sources))
  test(`failures from ${remoteAddress} are counted for ${source}`, () => {
    assert.equal(sourceOf({ socket: { remoteAddress } as Socket }), source);
  });

test('hosts of one IPv6 /64 are one source, of two are two', () => {
  const of = (remoteAddress: string) => sourceOf({ socket: { remoteAddress } as Socket });
  assert.equal(of('2001:db8:0:1:aaaa::1'), of('2001:db8:0:1:bbbb::2'));
  assert.notEqual(of('2001:db8:0:1::1'), of('2001:db8:0:2::1'));
});
