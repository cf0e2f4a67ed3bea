/**
 * Messages whose form alone is the attack: nested without end, of lengths beyond all memory, of more elements than any use
 * needs. Each costs little time and no memory that stays.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parseCertificateRequest } from '../../ca/certificate-request.ts';
import { readSignedData } from '../../ca/cms/read-signed-data.ts';
import { encode, tags } from '../../ca/der.ts';
import { Refusal } from '../../ca/refusal.ts';
import { readPkiData } from '../../server/est/cmc/pki-data.ts';
import { attribute, forgeRequest, octetString, sequence } from '../support/forged-request.ts';
import { forgeSignedData } from '../support/forged-signed-data.ts';
import { basic } from '../support/raw-tls.ts';
import { EstConnections } from './est-connection.ts';
import { EstService, type Password } from './est-service.ts';

const device = 'device-1';

/** As many SEQUENCEs, one inside the other. */
function nested(depth: number): Uint8Array {
  const headers: Uint8Array[] = [];
  let length = 0;
  for (let i = 0; i < depth; i++) {
    const header = headerOf(length);
    headers.push(header);
    length += header.length;
  }
  return Buffer.concat(headers.reverse());
}

function headerOf(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(tags.sequence, length);
  if (length < 0x100) return Uint8Array.of(tags.sequence, 0x81, length);
  return Uint8Array.of(tags.sequence, 0x82, length >> 8, length & 0xff);
}

/** A SEQUENCE of as many NULLs. */
const crowded = (elements: number) => {
  const content = Buffer.alloc(2 * elements);
  for (let at = 0; at < content.length; at += 2) content[at] = tags.null;
  return encode(tags.sequence, content);
};

const shapes: Record<string, Uint8Array> = {
  'nested 10,000 deep': nested(10_000),
  'nested 10,000 deep, of indefinite lengths': Buffer.alloc(20_000, Buffer.of(0x30, 0x80)),
  'of a length of 4 GiB': Buffer.from('3084ffffffff', 'hex'),
  'of a length of 16 EiB': Buffer.from('3088ffffffffffffffff', 'hex'),
  'of a length of 126 octets': Buffer.concat([Buffer.of(0x30, 0xfe), Buffer.alloc(126, 0xff)]),
  'of 20,000 elements': crowded(20_000),
};

/** Signed or wrapped, so that what is hostile is met further inside. */
const asRequest = (shape: Uint8Array) => forgeRequest({ attributes: [attribute('1.2.3', shape)] });
const asMessage = (shape: Uint8Array) => forgeSignedData({ content: shape });
const inMessage = (shape: Uint8Array) =>
  forgeSignedData({
    content: sequence(sequence(), sequence(encode(0xa0, shape)), sequence(), sequence()),
  });
const asOctets = (shape: Uint8Array) => forgeSignedData({ encapsulated: encode(0x24, shape) });
const inSegments = (shape: Uint8Array) =>
  forgeSignedData({ encapsulated: encode(0x24, octetString(shape)) });

const bare = (shape: Uint8Array) => shape;

const operations = {
  simpleenroll: { type: 'application/pkcs10', forms: { bare, asRequest } },
  serverkeygen: { type: 'application/pkcs10', forms: { bare, asRequest } },
  fullcmc: {
    type: 'application/pkcs7-mime',
    forms: { bare, asMessage, inMessage, asOctets, inSegments },
  },
} as const;

let service: EstService;
let connections: EstConnections;
let otp: Password;

before(async () => {
  service = await EstService.start();
  connections = new EstConnections(service.port);
  otp = await service.password(device);
});

after(async () => {
  connections?.close();
  await service?.close();
});

const headOf = (operation: string, type: string, framing: string) =>
  [
    `POST /.well-known/est/${operation} HTTP/1.1`,
    'Host: localhost',
    `Content-Type: ${type}`,
    `Authorization: ${basic(otp.id, otp.password)}`,
    framing,
    '\r\n',
  ].join('\r\n');

async function post(operation: string, type: string, der: Uint8Array): Promise<number> {
  const body = Buffer.from(Buffer.from(der).toString('base64'));
  const head = headOf(operation, type, `Content-Length: ${body.length}`);
  return (await connections.exchange(head, body, 'POST')).status;
}

/** Milliseconds of a processor; a request that is as it should be costs a few. */
const dear = 500;

for (const [operation, { type, forms }] of Object.entries(operations))
  describe(`/${operation} refuses a message`, () => {
    for (const [what, shape] of Object.entries(shapes))
      test(what, async () => {
        for (const form of Object.values(forms)) {
          const before = process.cpuUsage();
          assert.equal(await post(operation, type, form(shape)), 400);
          const { user, system } = process.cpuUsage(before);
          assert.ok(user + system < dear * 1000, `it took ${(user + system) / 1000} ms`);
        }
      });

    test('of 500,000 elements', async () => {
      assert.equal(await post(operation, type, crowded(500_000)), 413);
    });
  });

test('what is too large is refused before it is read', async () => {
  const { type } = operations.simpleenroll;
  const head = headOf('simpleenroll', type, 'Content-Length: 1000000');
  const { status } = await connections.exchange(head, Buffer.alloc(0), 'POST', 2000);
  assert.equal(status, 413);
});

test('a connection ends after a request that asks for another protocol', async () => {
  const { type } = operations.simpleenroll;
  const upgrade = 'Connection: keep-alive, upgrade\r\nUpgrade: h2c\r\nContent-Length: 60000';
  const head = headOf('csrattrs', type, upgrade);
  const { status, headers } = await connections.exchange(head, Buffer.alloc(60_000, 'A'), 'POST');
  assert.equal(status, 405);
  assert.equal(headers.get('connection'), 'close');
});

test('a parser that is given 500,000 elements refuses them in little time', async () => {
  const many = crowded(500_000);
  for (const read of [parseCertificateRequest, readSignedData, readPkiData]) {
    const before = process.cpuUsage();
    await assert.rejects(async () => read(many), Refusal);
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < dear * 1000, `it took ${(user + system) / 1000} ms`);
  }
});

test('none of them leaves memory behind', async () => {
  const round = async () => {
    for (const [operation, { type, forms }] of Object.entries(operations))
      for (const form of Object.values(forms))
        for (const shape of Object.values(shapes))
          assert.equal(await post(operation, type, form(shape)), 400);
  };
  for (let i = 0; i < 3; i++) await round();
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 10; i++) await round();
  const grown = (process.memoryUsage().rss - before) / 2 ** 20;
  assert.ok(grown < 64, `it grew by ${grown.toFixed(0)} MiB`);
});

test('the password with which all this was sent is still good', async () => {
  const { device: sender } = service.clients.get(device) ?? assert.fail();
  const request = sender.request({ attributes: [] });
  assert.equal(await post('simpleenroll', 'application/pkcs10', request), 200);
});
