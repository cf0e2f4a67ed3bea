import { rename } from '../changed-names.ts';
import { refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'REN-09',
  level: 'MUST',
  source: 'RFC 6402 section 2.8',
  title: 'A changeSubjectName with neither subject nor subjectAlt is refused',
  test: async (server) => {
    refused(await rename(server, () => []), [400], 'an empty changeSubjectName');
  },
};
