import assert from 'node:assert/strict';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'URI-12',
  level: 'MUST',
  source: 'RFC 7030 section 3.2.2',
  title: '/cacerts answers GET; the enrollment operations answer POST only',
  test: async (server) => {
    answered(await server.fetch('cacerts'), 200, 'GET /cacerts');
    const { client } = await server.sharedDevice();
    for (const operation of ['simpleenroll', 'simplereenroll']) {
      const { status } = await server.fetch(operation, { client });
      assert.ok(status >= 400, `GET /${operation} was answered ${status}`);
    }
  },
};
