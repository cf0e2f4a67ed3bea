import assert from 'node:assert/strict';
import { postAnonymously } from '../flows.ts';
import type { Requirement } from '../requirement.ts';
import { skip } from '../skip.ts';

export const requirement: Requirement = {
  id: 'AUTH-03',
  level: 'MUST',
  source: 'RFC 7617 section 2',
  title: 'A Basic challenge carries a realm, and no charset but UTF-8',
  test: async (server) => {
    const answer = await postAnonymously(server);
    const challenge = answer.headers['www-authenticate'] ?? '';
    if (!/basic/i.test(challenge)) skip('the challenge does not offer Basic');
    assert.match(challenge, /\bBasic\s+([^,]+,\s*)*realm="[^"]*"/i, `no realm in: ${challenge}`);
    const charset = /charset="?([^",]*)/i.exec(challenge)?.[1];
    assert.ok(charset === undefined || /^utf-8$/i.test(charset), `charset is ${charset}`);
  },
};
