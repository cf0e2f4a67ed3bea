import assert from 'node:assert/strict';
import { postAnonymously } from '../flows.ts';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'AUTH-09',
  level: 'MUST NOT',
  source: 'RFC 5273 section 4, RFC 7030 section 3.2.3',
  title: 'A client that knows no cookies and no forms gets a plain 401',
  test: async (server) => {
    const answer = await postAnonymously(server);
    answered(answer, 401, 'POST /simpleenroll without credentials');
    assert.equal(answer.headers['set-cookie'], undefined, 'the answer sets a cookie');
    assert.doesNotMatch(answer.body.toString(), /<html|<form/i, 'the answer is a page');
  },
};
