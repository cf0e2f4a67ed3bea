import assert from 'node:assert/strict';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'URI-09',
  level: 'REC',
  source: 'RFC 9110 sections 9.1 and 15.5.6',
  title: 'A wrong method answers 405 with Allow',
  test: async (server) => {
    for (const [operation, method] of [
      ['cacerts', 'PUT'],
      ['cacerts', 'POST'],
      ['simpleenroll', 'PUT'],
    ]) {
      const answer = await server.fetch(operation ?? '', { method: method ?? '', body: '' });
      answered(answer, 405, `${method} /${operation}`);
      const allowed = operation === 'cacerts' ? /\bGET\b/ : /\bPOST\b/;
      assert.match(answer.headers.allow ?? '', allowed, `Allow after ${method} /${operation}`);
    }
  },
};
