import assert from 'node:assert/strict';
import { postAnonymously } from '../flows.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'URI-13',
  level: 'MAY',
  source: 'RFC 7030 section 3.2.1',
  title: 'No operation answers with a redirect',
  test: async (server) => {
    const answers = [
      await server.fetch('cacerts'),
      await server.fetch('csrattrs'),
      await server.fetch(`${server.path('cacerts')}/`),
      await postAnonymously(server, 'simpleenroll'),
      await postAnonymously(server, 'simplereenroll'),
    ];
    for (const { status } of answers) {
      assert.ok(status < 300 || status >= 400, `an operation answered ${status}`);
    }
  },
};
