import assert from 'node:assert/strict';
import { announced } from '../csr-attributes.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ATT-02',
  level: 'MUST',
  source: 'RFC 8951 section 4',
  title: 'What a policy demands is answered 200, and 204 or 404 says that there is nothing',
  test: async (server) => {
    const list = await announced(server.label('profile'));
    assert.ok(list.length > 0, 'the list is empty where requests must have something');
    const { status, body } = await server.fetch('csrattrs');
    assert.ok([200, 204, 404].includes(status), `under the label without: ${status}`);
    if (status === 204) assert.equal(body.length, 0, '204 with a body');
  },
};
