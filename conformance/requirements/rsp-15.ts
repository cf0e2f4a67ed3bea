import assert from 'node:assert/strict';
import { refusals } from '../refusals.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'RSP-15',
  level: 'REC',
  source: 'RFC 9110 section 15.5',
  title: 'Each kind of fault has its status',
  test: async (server) => {
    const expected = {
      'not base64': 400,
      'not DER': 400,
      'bad signature': 400,
      'no credentials': 401,
      'wrong name': 403,
      'unknown operation': 404,
      'wrong method': 405,
      'too large': 413,
      'wrong media type': 415,
    };
    const statuses = (await refusals(server)).map(({ what, answer }) => [what, answer.status]);
    assert.deepEqual(Object.fromEntries(statuses), expected, 'statuses by kind of fault');
  },
};
