import assert from 'node:assert/strict';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'AUTH-12',
  level: 'SHOULD NOT',
  source: 'RFC 7030 sections 4.1.2 and 4.5',
  title: '/cacerts and /csrattrs ask for no authentication',
  test: async (server) => {
    answered(await server.fetch('cacerts'), 200, 'GET /cacerts');
    const { status } = await server.fetch('csrattrs');
    assert.ok([200, 204, 404, 501].includes(status), `GET /csrattrs was answered ${status}`);
  },
};
