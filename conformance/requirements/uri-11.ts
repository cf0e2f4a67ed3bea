import assert from 'node:assert/strict';
import { refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'URI-11',
  level: 'REC',
  source: 'RFC 7030 section 3.2.2',
  title: 'A query string changes nothing',
  test: async (server) => {
    const plain = await server.fetch('cacerts');
    const answer = await server.fetch(`${server.path('cacerts')}?label=x&x=1`);
    if (answer.status !== 200) refused(answer, [400, 404], 'GET /cacerts with a query string');
    else assert.ok(answer.body.equals(plain.body), 'the query string changed the body');
  },
};
