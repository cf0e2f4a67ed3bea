/** Nobody holds a connection, or makes the server work, for longer than the limits allow. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { BestowServer } from '../support/bestow.ts';
import { call } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';

const timeout = 20_000;
const connections = 8;
let server: BestowServer;

before(async () => {
  server = await BestowServer.start({
    configure: ({ est }) =>
      Object.assign(est ?? {}, {
        limits: {
          connections,
          handshakeTimeout: 2000,
          headersTimeout: 600,
          requestTimeout: 900,
          keepAliveTimeout: 2000,
        },
      }),
  });
});
after(() => server[Symbol.asyncDispose]());

async function open(): Promise<TLSSocket> {
  const socket = connectTls({
    port: server.port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca: server.root,
  });
  await once(socket, 'secureConnect');
  return socket;
}

/** What the server says until it ends the connection. */
async function untilClosed(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('latin1').on('data', (part: string) => {
    text += part;
  });
  socket.on('error', () => undefined);
  if (!socket.closed) await once(socket, 'close', { signal: AbortSignal.timeout(timeout) });
  return text;
}

describe('a connection is ended', { timeout }, () => {
  test('when the TLS handshake does not come', async () => {
    await untilClosed(connectTcp(server.port, '127.0.0.1'));
  });

  test('when the head of the request does not come to an end', async () => {
    const socket = await open();
    socket.write('GET /.well-known/est/cacerts HTTP/1.1\r\nHost: localhost\r\n');
    assert.match(
      await untilClosed(socket),
      /^HTTP\/1\.1 408 .*X-Request-Id: [0-9a-f-]{36}.*too slow/s,
    );
  });

  test('when the body does not come to an end', async () => {
    const socket = await open();
    socket.write(
      'POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pkcs10\r\nContent-Length: 500\r\n\r\nMII',
    );
    assert.match(await untilClosed(socket), /^HTTP\/1\.1 408 /);
  });

  test('when it idles after an answer', async () => {
    const socket = await open();
    socket.write('GET /.well-known/est/csrattrs HTTP/1.1\r\nHost: localhost\r\n\r\n');
    // The header says which timeout ends it: node's own is another.
    assert.match(await untilClosed(socket), /^HTTP\/1\.1 204 .*Keep-Alive: timeout=2\r\n/s);
  });

  test('when the head is larger than 16 KiB, with 431', async () => {
    const socket = await open();
    socket.write(
      `GET /.well-known/est/cacerts HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(17_000)}\r\n\r\n`,
    );
    assert.match(await untilClosed(socket), /^HTTP\/1\.1 431 /);
  });

  test('when what comes is no HTTP, with 400 and a request id that is in the log', async () => {
    const socket = await open();
    socket.write('NONSENSE\r\n\r\n');
    const [, requestId] = /X-Request-Id: (\S+)/.exec(await untilClosed(socket)) ?? [];
    assert.ok(requestId);
    await eventually(() => server.logLines({ requestId, status: 400 }).length === 1);
  });
});

test('connections beyond the cap are closed, and the others are served', { timeout }, async () => {
  const held = Array.from({ length: connections }, () => connectTcp(server.port, '127.0.0.1'));
  await Promise.all(held.map((socket) => once(socket, 'connect')));
  const surplus = connectTcp(server.port, '127.0.0.1');
  await untilClosed(surplus);
  // Turned away, not timed out: those who came before it are still there.
  assert.ok(held.every((socket) => !socket.closed));
  for (const socket of held) socket.destroy();
  await eventually(async () => (await call(`${server.est}/cacerts`, server.root)).status === 200);
});

test('two Authorization headers are refused: which one counts must not be a guess', {
  timeout,
}, async () => {
  const socket = await open();
  const basic = (text: string) =>
    `Authorization: Basic ${Buffer.from(text).toString('base64')}\r\n`;
  socket.write(
    `POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: localhost\r\n${basic('a:b')}${basic('c:d')}Content-Type: application/pkcs10\r\nContent-Length: 4\r\nConnection: close\r\n\r\nMAAA`,
  );
  assert.match(await untilClosed(socket), /^HTTP\/1\.1 400 .*more than one Authorization/s);
});

test('an expectation that nobody knows is ignored, and the answer has a request id', {
  timeout,
}, async () => {
  const socket = await open();
  socket.write(
    'GET /.well-known/est/cacerts HTTP/1.1\r\nHost: localhost\r\nExpect: cake\r\nConnection: close\r\n\r\n',
  );
  assert.match(await untilClosed(socket), /^HTTP\/1\.1 200 [\s\S]*X-Request-Id: /);
});
