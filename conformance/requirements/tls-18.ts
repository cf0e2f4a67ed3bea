import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'TLS-18',
  level: 'MUST',
  source: 'RFC 7030 sections 3.3.2 and 3.7',
  title: "A valid client certificate is not yet a permission: another device's name is refused",
  test: async (server) => {
    const { client } = await server.sharedDevice();
    const { device: other } = await server.newcomer();
    const request = certificateRequest(other, ecKey());
    const answer = await server.post('simpleenroll', request, { client });
    refused(answer, [401, 403], 'simpleenroll for the name of another device');
  },
};
