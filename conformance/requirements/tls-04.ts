import assert from 'node:assert/strict';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'TLS-04',
  level: 'SHOULD',
  source: 'RFC 9325 section 3.1.1',
  title: 'TLS 1.3 is supported and preferred',
  test: async (server) => {
    const { socket } = await server.connect();
    const negotiated = socket.getProtocol();
    socket.destroy();
    assert.equal(negotiated, 'TLSv1.3', `a client that knows both versions got ${negotiated}`);
  },
};
