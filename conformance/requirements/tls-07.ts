import assert from 'node:assert/strict';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'TLS-07',
  level: 'MUST',
  source: 'RFC 7030 section 3.3.1',
  title: 'The server authenticates itself with a certificate',
  test: async (server) => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { socket } = await server.connect({ maxVersion });
      const certificate = socket.getPeerX509Certificate();
      socket.destroy();
      assert.ok(certificate, `no certificate was presented (at most ${maxVersion})`);
    }
  },
};
