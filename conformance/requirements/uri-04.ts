import assert from 'node:assert/strict';
import { postAnonymously } from '../flows.ts';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'URI-04',
  level: 'MUST',
  source: 'RFC 7030 section 3.2.2',
  title: 'The service works without the optional label',
  test: async (server) => {
    answered(await server.fetch('/.well-known/est/cacerts'), 200, 'GET /cacerts without a label');
    const answer = await postAnonymously(server, '/.well-known/est/simpleenroll');
    assert.notEqual(answer.status, 404, 'POST /simpleenroll without a label is not found');
  },
};
