import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HeardServers } from './heard-servers.ts';
import type { Answer } from './mdns-socket.ts';

const domain = '_est._tcp.local';
const fp = Buffer.alloc(32, 1).toString('base64url');
const pointer = (name: string, ttl = 120): Answer => ({
  ...{ name: domain, type: 'PTR', ttl, data: `${name}.${domain}` },
});
const place = (name: string, target = 'a.local', port = 8443): Answer => ({
  ...{ name: `${name}.${domain}`, type: 'SRV', ttl: 120, data: { port, target } },
});
const text = (name: string, ...data: (string | Buffer)[]): Answer => ({
  ...{ name: `${name}.${domain}`, type: 'TXT', ttl: 120, data },
});
const address = (data: string, name = 'a.local'): Answer => ({ name, type: 'A', ttl: 120, data });

function hear(...packets: (readonly Answer[])[]) {
  const heard = new HeardServers(domain);
  for (const answers of packets) heard.take({ answers });
  return heard;
}

test('records in any order and in several packets are one server', () => {
  const whole = [address('192.0.2.1'), text('Edge', `fp=${fp}`, 'host=est.example'), place('Edge')];
  const server = {
    ...{ name: 'Edge', host: 'a.local', port: 8443, addresses: ['192.0.2.1'] },
    ...{ path: '/.well-known/est', fingerprint: fp, certificateHost: 'est.example' },
    interface: 'eth0',
  };
  assert.deepEqual(hear([...whole, pointer('Edge')]).servers('eth0'), [server]);
  const heard = hear([pointer('Edge')]);
  assert.deepEqual(heard.missing(), [{ name: `Edge.${domain}`, type: 'ANY' }]);
  heard.take({ answers: [place('Edge'), text('Edge', `fp=${fp}`, 'host=est.example')] });
  assert.deepEqual(
    heard.missing().map(({ name, type }) => [name, type]),
    [
      ['a.local', 'A'],
      ['a.local', 'AAAA'],
    ],
  );
  heard.take({ additionals: [address('192.0.2.1')] });
  assert.deepEqual(heard.missing(), []);
  assert.deepEqual(heard.servers('eth0'), [server]);
});

test('who takes leave is gone', () => {
  assert.deepEqual(hear([pointer('a'), place('a')], [pointer('a', 0)]).servers('eth0'), []);
});

test('others on the network are not kept', () => {
  const other: Answer = { name: '_ipp._tcp.local', type: 'PTR', data: 'x._ipp._tcp.local' };
  const elsewhere: Answer = { name: domain, type: 'PTR', data: 'x.example' };
  const heard = hear([other, elsewhere, place('b'), address('192.0.2.9', 'printer.local')]);
  assert.deepEqual(heard.servers('eth0'), []);
  assert.deepEqual(heard.missing(), []);
});

describe('what is announced', () => {
  const cases: Readonly<Record<string, readonly [string | Buffer, object]>> = {
    'a fingerprint that is too short': ['fp=abc', {}],
    'a fingerprint in hexadecimal': [`fp=${'0'.repeat(64)}`, {}],
    'a fingerprint that is no base64 of 32 octets': [`fp=${fp.slice(0, -1)}B`, {}],
    'a path with a query': ['path=/.well-known/est?a=b', {}],
    'a path that goes on elsewhere': ['path=//evil.example/est', {}],
    'a path that is too long': [`path=/${'a'.repeat(65)}`, {}],
    'a path of its own': ['path=/est', { path: '/est' }],
    'a host with a space': ['host=a b', {}],
    'a host with a control character': ['host=a\u0000b', {}],
    'no text': [Buffer.from([0xff, 0xfe]), {}],
    'a key without a value': ['fp', {}],
  };
  for (const [what, [txt, told]] of Object.entries(cases))
    test(what, () => {
      const [server] = hear([pointer('a'), place('a'), text('a', txt)]).servers('eth0');
      assert.deepEqual(server, {
        ...{ name: 'a', host: 'a.local', port: 8443, addresses: [] },
        ...{ path: '/.well-known/est', interface: 'eth0', ...told },
      });
    });

  test('of a key that stands there twice, the first counts', () => {
    const [server] = hear([pointer('a'), place('a'), text('a', 'path=/a', 'PATH=/b')]).servers('');
    assert.equal(server?.path, '/a');
  });

  test('names show nothing that moves or hides', () => {
    const [server] = hear([pointer('a\u001b\u202e\u200bb'), place('a\u001b\u202e\u200bb')]).servers(
      '',
    );
    assert.equal(server?.name, 'a???b');
  });
});

test('as much as somebody makes up, so much is not kept', () => {
  const names = Array.from({ length: 1000 }, (_, i) => `a${i}`);
  const heard = hear(names.map((name) => pointer(name)));
  assert.equal(heard.missing().length, 20);
  heard.take({ answers: names.map((name) => place(name)) });
  assert.equal(heard.servers('').length, 200);
  heard.take({
    answers: Array.from({ length: 1000 }, (_, i) => address(`192.0.${i >> 8}.${i & 255}`)),
  });
  assert.equal(heard.servers('')[0]?.addresses.length, 16);
  const texts = Array.from({ length: 1000 }, (_, i) => `a${i}=b`);
  heard.take({ answers: [text('a0', ...texts, 'path=/late')] });
  assert.equal(heard.servers('')[0]?.path, '/.well-known/est');
});
