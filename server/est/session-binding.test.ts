import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { makeKey, openssl, withFile } from '../../test/support/est-client.ts';
import { channelBindingOf } from './session-binding.ts';

/**
 * Our listener resumes no session, so a listener that does shows here what tls-unique is then (RFC 5929 section 3.1).
 */
let server: Server;
let binding: Uint8Array | undefined;

before(async () => {
  const { key } = makeKey();
  const order = ['req', '-x509', '-subj', '/CN=localhost', '-days', '1'];
  const cert = withFile(key, (file) => openssl([...order, '-key', file]));
  server = createServer({ cert, key, maxVersion: 'TLSv1.2' }, (socket) => {
    binding = channelBindingOf(socket);
    socket.on('error', () => undefined);
    socket.end('done');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

after(() => {
  server.close();
});

async function handshake(session?: Buffer): Promise<TLSSocket> {
  const { port } = server.address() as AddressInfo;
  const socket = connect({
    port,
    host: '127.0.0.1',
    // Who the server is does not matter to the Finished messages.
    rejectUnauthorized: false,
    maxVersion: 'TLSv1.2',
    ...(session ? { session } : {}),
  });
  socket.resume();
  await once(socket, 'end');
  return socket;
}

test('tls-unique is the first Finished: the client sends it in a full handshake, the server in a resumed one', async () => {
  const full = await handshake();
  assert.equal(full.isSessionReused(), false);
  assert.deepEqual(Buffer.from(binding ?? []), full.getFinished());
  assert.notDeepEqual(Buffer.from(binding ?? []), full.getPeerFinished());

  const session = full.getSession();
  assert.ok(session);
  const resumed = await handshake(session);
  assert.equal(resumed.isSessionReused(), true);
  assert.equal(binding?.length, 12);
  assert.deepEqual(Buffer.from(binding ?? []), resumed.getPeerFinished());
  assert.notDeepEqual(Buffer.from(binding ?? []), resumed.getFinished());
});
