import assert from 'node:assert/strict';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'TLS-23',
  level: 'REC',
  source: 'RFC 9266 section 4.2, RFC 9325 section 3.5',
  title: 'TLS 1.2 renegotiation by the client is not carried out',
  test: async (server) => {
    const { socket } = await server.connect({ maxVersion: 'TLSv1.2' });
    const renegotiated = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), 5_000);
      const settle = (outcome: boolean) => {
        clearTimeout(timer);
        resolve(outcome);
      };
      socket.on('error', () => settle(false));
      socket.on('close', () => settle(false));
      socket.renegotiate({}, (error) => settle(error === null));
    });
    socket.destroy();
    assert.equal(renegotiated, false, 'the server took part in a renegotiation');
  },
};
