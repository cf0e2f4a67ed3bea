import { refused } from '../inspect-answer.ts';
import { refusals } from '../refusals.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'RSP-03',
  level: 'MUST',
  source: 'RFC 7030 section 4.2.3',
  title: 'A refusal has a 4xx status and never passes for success',
  test: async (server) => {
    for (const { what, answer } of await refusals(server)) refused(answer, '4xx', what);
  },
};
