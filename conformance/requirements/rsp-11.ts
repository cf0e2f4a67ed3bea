import assert from 'node:assert/strict';
import { answered } from '../inspect-answer.ts';
import { approvedRequest, retryAfter } from '../pending-requests.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'RSP-11',
  level: 'REC',
  source: 'RFC 9110 section 10.2.3',
  title: 'Asking again too early gives 202 again, and no longer wait',
  test: async (server) => {
    const { first, again } = await approvedRequest(server);
    answered(again, 202, 'the same request at once');
    const [before = 0, after = Number.NaN] = [retryAfter(first), retryAfter(again)];
    assert.ok(after <= before, `Retry-After was ${before} seconds, and is ${after} now`);
  },
};
