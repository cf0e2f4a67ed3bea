import assert from 'node:assert/strict';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'TLS-10',
  level: 'MUST',
  source: 'RFC 8446 section 4.4.2, RFC 5246 section 7.4.2',
  title: 'A client that holds only the trust anchor can validate the chain presented',
  test: async (server) => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { socket } = await server.connect({ maxVersion, rejectUnauthorized: false });
      const { authorized, authorizationError } = socket;
      socket.destroy();
      assert.ok(authorized, `the chain does not lead to the trust anchor: ${authorizationError}`);
    }
  },
};
