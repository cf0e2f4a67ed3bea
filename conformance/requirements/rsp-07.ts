import assert from 'node:assert/strict';
import { answered } from '../inspect-answer.ts';
import { approvedRequest, retryAfter } from '../pending-requests.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'RSP-07',
  level: 'MUST',
  source: 'RFC 7030 section 4.2.3',
  title: 'A request that waits for approval is answered with 202 and Retry-After',
  test: async (server) => {
    const { first } = await approvedRequest(server);
    answered(first, 202, 'a request that a person has to approve');
    const value = first.headers['retry-after'] ?? 'missing';
    assert.notEqual(retryAfter(first), undefined, `Retry-After is ${value}`);
  },
};
