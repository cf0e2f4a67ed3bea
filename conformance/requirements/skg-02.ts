import { postAnonymously } from '../flows.ts';
import { answered } from '../inspect-answer.ts';
import { asksForKey } from '../key-delivery.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-02',
  level: 'MUST',
  source: 'RFC 7030 section 4.4',
  title: 'Nobody gets a key without saying who they are',
  test: async (server) => {
    const view = server.label('server-keys');
    const answer = await postAnonymously(view, 'serverkeygen');
    answered(answer, 401, 'POST /serverkeygen without credentials');
    answered(await asksForKey(view), 200, 'the same with credentials');
  },
};
