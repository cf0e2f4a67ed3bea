import assert from 'node:assert/strict';
import { answered } from '../inspect-answer.ts';
import { approvedRequest } from '../pending-requests.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'RSP-10',
  level: 'MUST',
  source: 'RFC 7030 section 4.2.3',
  title: 'What waits is known by its key and names, not by the octets of the request',
  test: async (server) => {
    const { otherKey, remade } = await approvedRequest(server);
    assert.notEqual(otherKey.status, 200, 'the approval of one key was good for another');
    answered(remade, 200, 'the approved request, made anew for another TLS connection');
  },
};
