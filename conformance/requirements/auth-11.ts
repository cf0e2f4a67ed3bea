import { postAnonymously } from '../flows.ts';
import { refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'AUTH-11',
  level: 'MUST',
  source: 'RFC 7030 sections 3.7 and 4.2',
  title: 'Nobody enrolls without an identity',
  test: async (server) => {
    for (const operation of ['simpleenroll', 'simplereenroll', 'fullcmc', 'serverkeygen']) {
      const answer = await postAnonymously(server, operation);
      const mandatory = operation.startsWith('simple');
      refused(answer, mandatory ? [401, 403] : '4xx', `POST /${operation} without credentials`);
    }
  },
};
