import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENR-04',
  level: 'MUST',
  source: 'RFC 7030 sections 3.7 and 4.2',
  title: 'A device cannot enroll under the name of another',
  test: async (server) => {
    const { credential } = await server.newcomer();
    const { device: other } = await server.newcomer();
    for (const name of [other, 'conformance-nobody', '*', 'localhost']) {
      const answer = await server.post('simpleenroll', certificateRequest(name, ecKey()), {
        credential,
      });
      refused(answer, [400, 401, 403], `a request for ${name}`);
    }
  },
};
