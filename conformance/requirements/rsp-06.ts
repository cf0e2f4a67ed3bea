import assert from 'node:assert/strict';
import { refused } from '../inspect-answer.ts';
import { refusals } from '../refusals.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'RSP-06',
  level: 'MAY',
  source: 'RFC 7030 section 4.2.3',
  title: 'Refusals to simple requests are not dressed as PKI responses',
  test: async (server) => {
    for (const { what, answer } of await refusals(server)) {
      refused(answer, '4xx', what);
      assert.doesNotMatch(answer.headers['content-type'] ?? '', /pkcs7-mime/i, what);
    }
  },
};
