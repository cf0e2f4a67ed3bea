import assert from 'node:assert/strict';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'URI-03',
  level: 'OPT',
  source: 'RFC 7030 section 3.2.2',
  title: 'Optional operations exist or answer 404 or 501',
  test: async (server) => {
    const { client } = await server.sharedDevice();
    for (const operation of ['fullcmc', 'serverkeygen']) {
      const { status } = await server.fetch(operation, { client, method: 'POST', body: 'x' });
      const rejected = [400, 401, 403, 404, 415, 501].includes(status);
      assert.ok(rejected, `POST /${operation} of a single letter was answered ${status}`);
    }
    const { status } = await server.fetch('csrattrs');
    assert.ok([200, 204, 401, 404, 501].includes(status), `GET /csrattrs was answered ${status}`);
  },
};
