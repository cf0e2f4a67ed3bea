import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import type { Requirement } from '../requirement.ts';
import { skip } from '../skip.ts';

export const requirement: Requirement = {
  id: 'TLS-28',
  level: 'MUST',
  source: 'RFC 6066 section 3, RFC 9325 section 3.7',
  title: 'A client that names the host in SNI gets a certificate for that host',
  test: async (server) => {
    if (isIP(server.host)) skip('the URL names an address, which SNI cannot carry');
    const { socket } = await server.connect({ servername: server.host, rejectUnauthorized: false });
    const certificate = socket.getPeerX509Certificate();
    socket.destroy();
    assert.ok(certificate?.checkHost(server.host), `the certificate is not for ${server.host}`);
  },
};
