import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { postAnonymously } from '../flows.ts';
import { refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'REN-06',
  level: 'MUST',
  source: 'RFC 7030 section 4.2',
  title: 'A password does not renew without the certificate it renews',
  test: async (server) => {
    const { device, credential } = await server.newcomer();
    const request = certificateRequest(device, ecKey());
    const answer = await server.post('simplereenroll', request, { credential });
    refused(answer, [400, 401, 403], 'a password for a device that holds no certificate');
    const anonymous = await postAnonymously(server, 'simplereenroll');
    refused(anonymous, [401, 403], 'no credentials at all');
  },
};
