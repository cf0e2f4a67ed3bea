import assert from 'node:assert/strict';
import { postAnonymously } from '../flows.ts';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'AUTH-02',
  level: 'MUST',
  source: 'RFC 7030 section 3.2.3, RFC 9110 sections 11.6.1 and 15.5.2',
  title: 'A request without credentials is challenged with 401 and WWW-Authenticate',
  test: async (server) => {
    for (const operation of ['simpleenroll', 'simplereenroll']) {
      const answer = await postAnonymously(server, operation);
      answered(answer, 401, `POST /${operation} without credentials`);
      assert.ok(answer.headers['www-authenticate'], `no WWW-Authenticate after POST /${operation}`);
    }
  },
};
