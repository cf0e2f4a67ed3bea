import assert from 'node:assert/strict';
import { answered, certificatesIn, decodeBase64 } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';
import { skip } from '../skip.ts';

export const requirement: Requirement = {
  id: 'URI-05',
  level: 'MAY',
  source: 'RFC 7030 section 3.2.2',
  title: 'A label selects a service of its own',
  test: async (server) => {
    if (server.pathLabel === undefined) skip('no --label was given');
    const answer = await server.fetch(`/.well-known/est/${server.pathLabel}/cacerts`);
    answered(answer, 200, `GET /${server.pathLabel}/cacerts`);
    assert.ok(certificatesIn(decodeBase64(answer.body)).length > 0, 'the bag is empty');
  },
};
