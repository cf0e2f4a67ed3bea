import assert from 'node:assert/strict';
import { refused } from '../inspect-answer.ts';
import { refusals } from '../refusals.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'RSP-05',
  level: 'MAY',
  source: 'RFC 8951 section 5.1',
  title: 'Refusals are text/plain',
  test: async (server) => {
    for (const { what, answer } of await refusals(server)) {
      refused(answer, '4xx', what);
      // A challenge is better without a body, and a body that is not there has no type.
      if (answer.body.length === 0 && answer.status === 401) continue;
      assert.match(answer.headers['content-type'] ?? 'none', /^text\/plain/i, what);
    }
  },
};
