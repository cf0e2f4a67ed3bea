import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'AUTH-13',
  level: 'REC',
  source: 'RFC 9110 sections 15.5.2 and 15.5.4',
  title: '401 speaks of the credentials, 403 of what they permit',
  test: async (server) => {
    const { device, credential } = await server.newcomer();
    const { device: other } = await server.newcomer();
    const wrong = { ...credential, password: 'certainly-not-this-one' };
    const mine = certificateRequest(device, ecKey());
    const answer = await server.post('simpleenroll', mine, { credential: wrong });
    refused(answer, [401], 'a wrong password');
    const theirs = certificateRequest(other, ecKey());
    const forbidden = await server.post('simpleenroll', theirs, { credential });
    refused(forbidden, [403], 'the right password and the name of another device');
  },
};
