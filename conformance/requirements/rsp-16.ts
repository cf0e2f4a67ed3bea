import assert from 'node:assert/strict';
import { refused } from '../inspect-answer.ts';
import { refusals } from '../refusals.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'RSP-16',
  level: 'REC',
  source: 'CWE-209',
  title: 'Refusals do not talk about the inside of the server',
  test: async (server) => {
    const inside =
      /\n\s+at |\bError:|CKR_|\bSELECT\b|\bINSERT\b|node:internal|\/(home|usr|srv|var|work)\/|\.[jt]s:\d/;
    for (const { what, answer } of await refusals(server)) {
      refused(answer, '4xx', what);
      assert.doesNotMatch(answer.body.toString(), inside, what);
    }
  },
};
