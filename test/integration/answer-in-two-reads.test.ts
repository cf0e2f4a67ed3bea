/**
 * strongSwan's client reads an answer twice: at most 1024 octets, then the rest, which must be there at once. An
 * answer that comes in more or in other TLS records than it expects is lost, whatever its length.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { BestowServer } from '../support/bestow.ts';
import { certificatesOf, makeKey } from '../support/est-client.ts';
import { basic, parseAnswer, RawTls } from '../support/raw-tls.ts';

const server = await BestowServer.start();
after(() => server[Symbol.asyncDispose]());

const timeout = 30_000;
const versions = ['TLSv1.2', 'TLSv1.3'] as const;

/** A request as strongSwan writes it: one record, and none of the headers that others have. */
function strongSwanRequest(operation: string, request?: Buffer, authorization?: string): string {
  const body = request?.toString('base64') ?? '';
  return [
    `${request ? 'POST' : 'GET'} /.well-known/est/${operation} HTTP/1.1`,
    `Host: localhost:${server.port}`,
    ...(authorization ? [`Authorization: ${authorization}`] : []),
    ...(request ? ['Content-Type: application/pkcs10', `Content-Length: ${body.length}`] : []),
    `\r\n${body}`,
  ].join('\r\n');
}

async function exchange(
  version: (typeof versions)[number],
  request: string,
): Promise<{ read: Buffer; whole: Buffer; records: Buffer[] }> {
  const { port, root } = server;
  using connection = await RawTls.connect({ port, root, version });
  connection.send(request);
  const { records } = await connection.readAnswer();
  return { read: readTwice(records), whole: Buffer.concat(records), records };
}

/** What two reads give: each ends with the record it is in, and the first after 1024 octets at most. */
function readTwice([first = Buffer.alloc(0), next = Buffer.alloc(0)]: Buffer[]): Buffer {
  const second = first.length > 1024 ? first.subarray(1024) : next;
  return Buffer.concat([first.subarray(0, 1024), second]);
}

test('the reading can lose: a head of more than 1024 octets in front, three records', () => {
  const sizes = (...lengths: number[]) => lengths.map((length) => Buffer.alloc(length, 'x'));
  assert.equal(readTwice(sizes(1100, 500)).length, 1100);
  assert.equal(readTwice(sizes(400, 500, 500)).length, 900);
  assert.equal(readTwice(sizes(400, 1500)).length, 1900);
  assert.equal(readTwice(sizes(5000)).length, 5000);
});

for (const version of versions) {
  test(`an RSA-4096 certificate over ${version}: two reads, base64 on one line`, {
    timeout,
  }, async () => {
    const device = `long-${version}`.toLowerCase();
    const authorization = basic(device, await server.password(device));
    const der = makeKey('RSA-4096').request(`/CN=${device}`);
    const request = strongSwanRequest('simpleenroll', der, authorization);
    const { read, whole, records } = await exchange(version, request);
    assert.ok(whole.length > 1500, 'the answer is longer than one read');
    assert.ok(records.length <= 2, `${records.length} records`);
    assert.deepEqual(read, whole);
    const { statusLine, body } = parseAnswer(read);
    assert.match(statusLine, /^HTTP\/1\.1 200 /);
    assert.match(body.toString('latin1'), /^[A-Za-z0-9+/]+={0,2}\n?$/);
    assert.equal(certificatesOf({ body: body.toString('latin1') }).length, 1);
  });

  test(`cacerts over ${version}: two reads, base64 on one line`, { timeout }, async () => {
    const { read, whole, records } = await exchange(version, strongSwanRequest('cacerts'));
    assert.ok(records.length <= 2, `${records.length} records`);
    assert.deepEqual(read, whole);
    const { body } = parseAnswer(read);
    assert.ok(body.length > 1024, 'the body alone is longer than one read');
    assert.match(body.toString('latin1'), /^[A-Za-z0-9+/]+={0,2}\n?$/);
    assert.ok(certificatesOf({ body: body.toString('latin1') }).includes(server.root));
  });

  test(`a refusal over ${version}: two reads`, { timeout }, async () => {
    const request = strongSwanRequest('simpleenroll', Buffer.from('x'), basic('nobody', 'wrong'));
    const { read, whole } = await exchange(version, request);
    assert.deepEqual(read, whole);
    assert.match(parseAnswer(read).statusLine, /^HTTP\/1\.1 401 /);
  });
}
