import assert from 'node:assert/strict';
import { answered } from '../inspect-answer.ts';
import { approvedRequest } from '../pending-requests.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'RSP-08',
  level: 'MAY',
  source: 'RFC 7030 section 4.2.3',
  title: 'With 202 comes a text that a person can read',
  test: async (server) => {
    const { first } = await approvedRequest(server);
    answered(first, 202, 'a request that a person has to approve');
    assert.match(first.headers['content-type'] ?? '', /^text\/plain\b/i, 'its content type');
    assert.match(first.body.toString(), /\w+ \w+/, 'its text');
  },
};
