import assert from 'node:assert/strict';
import { postAnonymously } from '../flows.ts';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'URI-02',
  level: 'MUST',
  source: 'RFC 7030 section 3.2.2',
  title: '/cacerts, /simpleenroll and /simplereenroll exist',
  test: async (server) => {
    answered(await server.fetch('cacerts'), 200, 'GET /cacerts');
    for (const operation of ['simpleenroll', 'simplereenroll']) {
      const { status } = await postAnonymously(server, operation);
      assert.ok(![404, 405, 501].includes(status), `POST /${operation} was answered ${status}`);
    }
  },
};
