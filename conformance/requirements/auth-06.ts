import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { basic } from '../est-server.ts';
import { issuedCertificate } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'AUTH-06',
  level: 'MUST',
  source: 'RFC 9110 section 11.1',
  title: 'The name of the authentication scheme is not case-sensitive',
  test: async (server) => {
    const { device, credential } = await server.newcomer();
    const request = certificateRequest(device, ecKey());
    const headers = { Authorization: basic(credential, 'bAsIc') };
    issuedCertificate(await server.post('simpleenroll', request, { headers }), 'scheme "bAsIc"');
  },
};
