import { connect as connectTcp } from 'node:net';
import { Duplex } from 'node:stream';
import type { SecureVersion } from 'node:tls';
import type { Connection, EstServer } from './est-server.ts';
import type { ClientCertificate } from './self-made-certificates.ts';

/** A session ticket or id as the server hands it out, after one whole exchange; undefined if it hands out none. */
export async function obtainSession(
  server: EstServer,
  version: SecureVersion,
  client?: ClientCertificate,
): Promise<Buffer | undefined> {
  const { socket, answers } = await server.connect({
    ...client,
    minVersion: version,
    maxVersion: version,
  });
  // TLS 1.3 tickets come after the handshake, but before the answer to the first request.
  let session: Buffer | undefined = version === 'TLSv1.2' ? socket.getSession() : undefined;
  socket.on('session', (ticket) => {
    session = ticket;
  });
  socket.write(server.encode('cacerts'));
  await answers.next();
  socket.destroy();
  return session;
}

/** A connection that offers the session back; `resumed` says whether the server took it. */
export async function offerSession(
  server: EstServer,
  version: SecureVersion,
  session: Buffer,
  client?: ClientCertificate,
): Promise<Connection & { resumed: boolean }> {
  const connection = await server.connect({
    ...client,
    minVersion: version,
    maxVersion: version,
    session,
  });
  return { ...connection, resumed: connection.socket.isSessionReused() };
}

/** The content types of the TLS records that the server sends, in order (RFC 5246 section 6.2.1). */
export async function recordTypes(
  server: EstServer,
  request: Buffer,
  client?: ClientCertificate,
): Promise<number[]> {
  const tcp = connectTcp({ host: server.host, port: server.port });
  const heard: Buffer[] = [];
  const tap = new Duplex({
    read() {},
    write(chunk, _encoding, done) {
      tcp.write(chunk, () => done());
    },
    final(done) {
      tcp.end(done);
    },
  });
  tcp.on('data', (chunk) => {
    heard.push(chunk);
    tap.push(chunk);
  });
  tcp.on('end', () => tap.push(null));
  tcp.on('error', (error) => tap.destroy(error));
  try {
    const { socket, answers } = await server.connect({
      ...client,
      socket: tap,
      maxVersion: 'TLSv1.2',
    });
    socket.write(request);
    await answers.next('POST');
  } finally {
    tcp.destroy();
  }
  const bytes = Buffer.concat(heard);
  const types: number[] = [];
  for (let offset = 0; offset + 5 <= bytes.length; offset += 5 + bytes.readUInt16BE(offset + 3)) {
    types.push(bytes.readUInt8(offset));
  }
  return types;
}
