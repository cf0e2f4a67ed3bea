import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encode, encodeOid, readDer, tags } from '../der.ts';
import { octetsKey } from '../object-identifiers.ts';
import {
  checkEndpoint,
  defaultEndpointArc,
  endpointsIn,
  readUpstreamEndpoints,
  subjectInformationAccess,
  upstreamEndpoints,
} from './upstream-endpoints.ts';

describe('endpoints', () => {
  for (const endpoint of [
    'mqtts://broker.example:8883',
    'https://edge.example/site/4?x=1#y',
    'coaps://[2001:db8::1]:5684/.well-known/core',
    'opc.tcp://plant-1.example:4840',
    'MQTTS://Broker.example',
    'mqtts://broker.example/%41',
    'https://edge.example/users/@me',
    `mqtts://broker.example/${'a'.repeat(512 - 'mqtts://broker.example/'.length)}`,
  ])
    test(endpoint.slice(0, 60), () => assert.equal(checkEndpoint(endpoint), endpoint));
});

describe('what is no endpoint', () => {
  const refused: Record<string, string> = {
    nothing: '',
    'a host alone': 'broker.example:8883',
    'a path': '/broker',
    'no authority': 'mqtts:broker.example',
    'no host': 'mqtts:///path',
    'a port alone': 'mqtts://:8883',
    'a port too large': 'mqtts://broker.example:65536',
    'a port that is none': 'mqtts://broker.example:port',
    script: 'javascript:alert(1)',
    'script with an authority': 'javascript://broker.example/%0aalert(1)',
    'script in capitals': 'JavaScript://broker.example/%0aalert(1)',
    data: 'data://text/html,x',
    'a file': 'file://host/etc/passwd',
    'a user name': 'mqtts://user@broker.example',
    'a password': 'mqtts://user:secret@broker.example',
    'a password alone': 'mqtts://:secret@broker.example',
    'an empty user name': 'mqtts://@broker.example',
    'CR LF': 'mqtts://broker.example\r\nX-Header: 1',
    'a last line feed': 'mqtts://broker.example\n',
    'a blank': 'mqtts://broker.example/a b',
    'a tabulator': 'mqtts://broker.example/\t',
    NUL: 'mqtts://broker.example/\0',
    'letters beyond ASCII': 'mqtts://bröker.example',
    markup: 'mqtts://broker.example/<script>',
    'a quotation mark': 'mqtts://broker.example/"onload="x',
    // A browser takes this for a path of good.example; RFC 3986 has evil.example for its host.
    'a backslash before another host': 'https://good.example\\@evil.example/',
    'a percent sign without its digits': 'mqtts://broker.example/%4',
    'a blank in front': ' mqtts://broker.example',
    '513 characters': `mqtts://broker.example/${'a'.repeat(513 - 'mqtts://broker.example/'.length)}`,
    '64 KB': `mqtts://broker.example/${'a'.repeat(65536)}`,
  };
  for (const [what, endpoint] of Object.entries(refused))
    test(what, () => assert.throws(() => checkEndpoint(endpoint), TypeError));

  test('the sentence does not repeat 64 KB', () => {
    assert.throws(
      () => checkEndpoint('x'.repeat(65536)),
      ({ message }: Error) => message.length < 300,
    );
  });
});

const uris = ['mqtts://a.example', 'mqtts://b.example:8883'];

test('the extension: our arc, not critical, IA5Strings in the order given', () => {
  const [type, value, ...more] = readDer(upstreamEndpoints(uris, defaultEndpointArc)).children;
  assert.equal(more.length, 0);
  assert.deepEqual(type?.bytes, encodeOid(`${defaultEndpointArc}.1`));
  // The arc as OpenSSL encodes it.
  assert.equal(
    Buffer.from(type?.bytes ?? []).toString('hex'),
    '06156981fcdc9feefec1b2bff989a8e0fb95a3afda7101',
  );
  assert.deepEqual(readUpstreamEndpoints(value?.content ?? new Uint8Array()), uris);
});

test('Subject Information Access: the arc survives as an access method', () => {
  const [type, value] = readDer(subjectInformationAccess(uris, defaultEndpointArc)).children;
  assert.deepEqual(type?.bytes, encodeOid('1.3.6.1.5.5.7.1.11'));
  const descriptions = readDer(value?.content ?? new Uint8Array()).children;
  assert.deepEqual(
    descriptions.map(({ children: [method, location] }) => [
      Buffer.from(method?.bytes ?? []).toString('hex'),
      location?.tag,
      Buffer.from(location?.content ?? []).toString(),
    ]),
    uris.map((uri) => [
      Buffer.from(encodeOid(`${defaultEndpointArc}.2`)).toString('hex'),
      0x86,
      uri,
    ]),
  );
});

describe('what is not UpstreamEndpoints', () => {
  const ia5 = encode(tags.ia5String, Buffer.from('mqtts://a.example'));
  const refused: Record<string, Uint8Array> = {
    'an empty list': encode(tags.sequence),
    'a SET': encode(tags.set, ia5),
    'a UTF8String': encode(tags.sequence, encode(tags.utf8String, Buffer.from('mqtts://a'))),
    'an octet after the end': Buffer.concat([encode(tags.sequence, ia5), Uint8Array.of(0)]),
    'an IA5String alone': ia5,
  };
  for (const [what, value] of Object.entries(refused))
    test(what, () => assert.throws(() => readUpstreamEndpoints(value)));
});

describe('what a certificate says', () => {
  const uris = ['mqtts://a.example:8883', 'wss://b.example/x'];
  /** A certificate's extensions of these, DER: extnID, then extnValue. */
  const certificateWith = (...extensions: Uint8Array[]) => ({
    extensions: new Map(
      extensions.map((extension) => {
        const [type, value] = readDer(extension).children;
        const read = { critical: false, value: value?.content ?? new Uint8Array() };
        return [octetsKey(type?.bytes ?? new Uint8Array()), read];
      }),
    ),
  });
  const own = upstreamEndpoints(uris, defaultEndpointArc);
  const access = subjectInformationAccess(uris.toReversed(), defaultEndpointArc);

  test('in the extension', () => {
    assert.deepEqual(endpointsIn(certificateWith(own), defaultEndpointArc), uris);
  });

  test('in Subject Information Access, where the extension is not there', () => {
    assert.deepEqual(endpointsIn(certificateWith(access), defaultEndpointArc), uris.toReversed());
    assert.deepEqual(endpointsIn(certificateWith(access, own), defaultEndpointArc), uris);
  });

  test('nothing, where it has neither, or those of another arc', () => {
    assert.deepEqual(endpointsIn(certificateWith(), defaultEndpointArc), []);
    for (const foreign of [
      upstreamEndpoints(uris, '2.25.7'),
      subjectInformationAccess(uris, '2.25.7'),
    ])
      assert.deepEqual(endpointsIn(certificateWith(foreign), defaultEndpointArc), []);
  });
});
