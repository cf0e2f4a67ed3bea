import assert from 'node:assert/strict';
import type { Requirement } from '../requirement.ts';
import { obtainSession, offerSession } from '../tls-sessions.ts';

export const requirement: Requirement = {
  id: 'TLS-19',
  level: 'SHOULD',
  source: 'RFC 7030 section 3.3',
  title: 'TLS sessions can be resumed',
  test: async (server) => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const session = await obtainSession(server, version);
      assert.ok(session, `no session was offered on ${version}`);
      const { resumed, socket } = await offerSession(server, version, session);
      socket.destroy();
      assert.ok(resumed, `the session was not resumed on ${version}`);
    }
  },
};
