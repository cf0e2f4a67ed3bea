import assert from 'node:assert/strict';
import type { NetworkInterfaceInfo } from 'node:os';
import { test } from 'node:test';
import { linkInterfaces, listenedAt } from './link-interfaces.ts';

const info = (cidr: string, internal = false) => {
  const [address = ''] = cidr.split('/');
  const family = address.includes(':') ? 'IPv6' : 'IPv4';
  return { address, cidr, internal, family, netmask: '', mac: '' } as NetworkInterfaceInfo;
};
const interfaces = {
  lo: [info('127.0.0.1/8', true), info('::1/128', true)],
  eth0: [info('192.0.2.2/24'), info('192.0.2.3/24'), info('2001:db8::2/64'), info('fe80::1/64')],
  wlan0: [info('198.51.100.7/22')],
  tun0: [info('fd00::9/64')],
};
const namesOf = (...wanted: string[]) => linkInterfaces(interfaces, wanted).map(({ name }) => name);

test('interfaces that lead out of the host, or those that are named', () => {
  assert.deepEqual(namesOf(), ['eth0', 'wlan0']);
  assert.deepEqual(namesOf('wlan0', '127.0.0.1'), ['lo', 'wlan0']);
  assert.deepEqual(namesOf('eth9', '192.0.2.9'), []);
  const [alone] = linkInterfaces({ lo: interfaces.lo });
  assert.equal(alone?.name, 'lo');
});

test('an interface has its addresses, but for those that mean nothing to others', () => {
  const [eth0] = linkInterfaces(interfaces, ['eth0']);
  assert.deepEqual(eth0, {
    ...{ name: 'eth0', address: '192.0.2.2', prefix: 24 },
    addresses: ['192.0.2.2', '192.0.2.3', '2001:db8::2'],
  });
  assert.equal(linkInterfaces(interfaces, ['192.0.2.3'])[0]?.address, '192.0.2.3');
});

test('addresses at which a listener is to be had', () => {
  const [eth0] = linkInterfaces(interfaces, ['eth0']);
  assert.ok(eth0);
  assert.deepEqual(listenedAt(eth0, '::'), ['192.0.2.2', '192.0.2.3', '2001:db8::2']);
  assert.deepEqual(listenedAt(eth0, '0.0.0.0'), ['192.0.2.2', '192.0.2.3']);
  assert.deepEqual(listenedAt(eth0, '2001:db8::2'), ['2001:db8::2']);
  assert.deepEqual(listenedAt(eth0, '127.0.0.1'), []);
});
