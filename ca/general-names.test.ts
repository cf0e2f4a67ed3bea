import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { encode, readDer, tags } from './der.ts';
import { canonicalGeneralName, encodeGeneralNames, readGeneralNames } from './general-names.ts';

describe('names in canonical text', () => {
  const canonical: Record<string, string> = {
    'DNS:Host.Example': 'DNS:host.example',
    'dns:host.example': 'DNS:host.example',
    'DNS:*.host.example': 'DNS:*.host.example',
    'DNS:_service.host.example': 'DNS:_service.host.example',
    'DNS:xn--gert-moa.example': 'DNS:xn--gert-moa.example',
    'IP:192.0.2.1': 'IP:192.0.2.1',
    'ip:2001:DB8:0:0:0:0:0:1': 'IP:2001:db8::1',
    'IP:::': 'IP:::',
    'IP:::1': 'IP:::1',
    'IP:1::': 'IP:1::',
    'IP:::ffff:192.0.2.1': 'IP:::ffff:c000:201',
    'IP:1:2:3:4:5:6:7:8': 'IP:1:2:3:4:5:6:7:8',
    'URI:urn:dev:mac:0024beffff804ff1': 'URI:urn:dev:mac:0024beffff804ff1',
    'email:Device@host.example': 'email:Device@host.example',
  };
  for (const [text, expected] of Object.entries(canonical))
    test(text, () => {
      assert.equal(canonicalGeneralName(text), expected);
      assert.equal(canonicalGeneralName(expected), expected);
      const encoded = encodeGeneralNames([expected]);
      assert.deepEqual(readGeneralNames(readDer(encoded)), [expected]);
    });
});

describe('what is no name', () => {
  const refused = [
    '',
    'host.example',
    ':host.example',
    'DNS:',
    'DNS:host.example.',
    'DNS:-host.example',
    'DNS:host-.example',
    'DNS:host example',
    'DNS:host.example\n',
    'DNS:gerät.example',
    'DNS:*.*.example',
    'DNS:*',
    `DNS:${'a'.repeat(64)}`,
    'IP:192.0.2',
    'IP:192.0.2.256',
    'IP:0192.0.2.1',
    'IP:192.0.2.1/24',
    'IP:fe80::1%eth0',
    'IP:1:2:3:4:5:6:7:8:9',
    'URI:relative',
    'URI:urn:',
    'URI:urn:a b',
    'URI:urn:ä',
    'email:device',
    'email:a@b@c',
    'email:a b@host.example',
    'otherName:1.2.3',
    'directoryName:CN=a',
    'constructor:x',
  ];
  for (const text of refused)
    test(JSON.stringify(text), () => assert.throws(() => canonicalGeneralName(text), TypeError));
});

test('any IPv6 address survives', () => {
  for (let i = 0; i < 200; i++) {
    // Runs of zero octets, which the short form leaves out, are the part that goes wrong.
    const octets = randomBytes(16).map((octet, at) => ((i >> (at % 8)) & 1 ? 0 : octet));
    const [name = ''] = readGeneralNames(readDer(encode(tags.sequence, encode(0x87, octets))));
    assert.deepEqual(
      Buffer.from(encodeGeneralNames([name])),
      Buffer.from(encode(tags.sequence, encode(0x87, octets))),
    );
  }
});

test('names are encoded as RFC 5280 section 4.2.1.6 says', () => {
  const der = encodeGeneralNames(['DNS:a.example', 'IP:192.0.2.1', 'URI:urn:x:y', 'email:a@b.c']);
  const hex = (text: string) => Buffer.from(text).toString('hex');
  assert.equal(
    Buffer.from(der).toString('hex'),
    `3021${'8209'}${hex('a.example')}8704c00002018607${hex('urn:x:y')}8105${hex('a@b.c')}`,
  );
});

test('names are read in the order they stand', () => {
  const encoded = encodeGeneralNames(['URI:urn:b', 'DNS:b.example', 'DNS:a.example']);
  assert.deepEqual(readGeneralNames(readDer(encoded)), [
    'URI:urn:b',
    'DNS:b.example',
    'DNS:a.example',
  ]);
});
