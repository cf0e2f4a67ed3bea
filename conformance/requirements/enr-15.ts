import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { issuedCertificate, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENR-15',
  level: 'REC',
  source: 'RFC 5272 section 6.1.4',
  title: 'A key certified for one device is not certified for another',
  test: async (server) => {
    const { device, ...applicant } = await server.applicant();
    const key = ecKey();
    const first = await server.post('simpleenroll', certificateRequest(device, key), applicant);
    issuedCertificate(first, 'the first device');
    const other = await server.newcomer();
    const request = certificateRequest(other.device, key);
    const answer = await server.post('simpleenroll', request, { credential: other.credential });
    refused(answer, [400, 403, 409], 'the second device with the key of the first');
  },
};
