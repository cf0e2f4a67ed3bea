import assert from 'node:assert/strict';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-19',
  level: 'MUST',
  source: 'RFC 7030 section 4.5.2',
  title: 'The answer of /csrattrs is application/csrattrs',
  test: async (server) => {
    const answer = await server.label('profile').fetch('csrattrs');
    answered(answer, 200, 'GET /csrattrs');
    assert.match(answer.headers['content-type'] ?? 'none', /^application\/csrattrs *(;|$)/i);
  },
};
