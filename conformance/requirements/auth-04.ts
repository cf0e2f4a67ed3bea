import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { issuedCertificate, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'AUTH-04',
  level: 'MUST',
  source: 'RFC 7617 section 2',
  title: 'User and password are split at the first colon',
  test: async (server) => {
    const { device, credential } = await server.newcomer();
    const request = certificateRequest(device, ecKey());
    const longer = { ...credential, password: `${credential.password}:more` };
    const wrong = await server.post('simpleenroll', request, { credential: longer });
    refused(wrong, [401], 'the password followed by ":more"');
    const right = await server.post('simpleenroll', request, { credential });
    issuedCertificate(right, 'the password itself');
  },
};
