import assert from 'node:assert/strict';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'TLS-12',
  level: 'MUST',
  source: 'RFC 7030 sections 3.2.3, 4.1.2 and 4.5',
  title: 'A client certificate is requested but not demanded',
  test: async (server) => {
    const { client } = await server.sharedDevice();
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const answer = await server.fetch('cacerts', { tls: { maxVersion } });
      answered(answer, 200, `/cacerts without a client certificate (at most ${maxVersion})`);
    }
    const { socket } = await server.connect({ ...client, maxVersion: 'TLSv1.2' });
    const sent = Object.keys(socket.getCertificate() ?? {}).length > 0;
    socket.destroy();
    assert.ok(sent, 'the server did not ask for a client certificate');
  },
};
