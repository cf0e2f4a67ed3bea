import assert from 'node:assert/strict';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'URI-06',
  level: 'MUST NOT',
  source: 'RFC 7030 section 3.2.2',
  title: 'No operation name is served as a label',
  test: async (server) => {
    const operations = ['cacerts', 'simpleenroll', 'simplereenroll', 'fullcmc', 'serverkeygen'];
    for (const label of [...operations, 'csrattrs']) {
      const { status } = await server.fetch(`/.well-known/est/${label}/cacerts`);
      assert.ok(status >= 400, `GET /${label}/cacerts was answered ${status}`);
    }
  },
};
