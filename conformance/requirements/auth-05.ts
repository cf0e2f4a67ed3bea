import assert from 'node:assert/strict';
import { certificateRequest, ecKey } from '../certificate-requests.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'AUTH-05',
  level: 'MUST',
  source: 'RFC 7030 section 3.2.3',
  title: 'An empty user name is judged like any other credential',
  test: async (server) => {
    const { device, credential } = await server.newcomer();
    const request = certificateRequest(device, ecKey());
    const answer = await server.post('simpleenroll', request, {
      credential: { ...credential, user: '' },
    });
    assert.ok([200, 401].includes(answer.status), `expected 200 or 401, got ${answer.status}`);
  },
};
