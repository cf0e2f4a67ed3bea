import assert from 'node:assert/strict';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ATT-01',
  level: 'SHOULD NOT',
  source: 'RFC 7030 section 4.5',
  title: 'Nobody has to authenticate to learn what a request must have',
  test: async (server) => {
    for (const view of [server, server.label('profile')]) {
      const { status } = await view.fetch('csrattrs');
      const open = [200, 204, 404].includes(status);
      assert.ok(open, `GET ${view.path('csrattrs')} without credentials was answered ${status}`);
    }
  },
};
