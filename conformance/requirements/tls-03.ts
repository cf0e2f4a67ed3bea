import assert from 'node:assert/strict';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'TLS-03',
  level: 'MUST',
  source: 'RFC 9325 section 3.1.1',
  title: 'TLS 1.2 is supported',
  test: async (server) => {
    const { socket } = await server.connect({ maxVersion: 'TLSv1.2' });
    assert.equal(socket.getProtocol(), 'TLSv1.2');
    socket.destroy();
  },
};
