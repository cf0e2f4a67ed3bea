import assert from 'node:assert/strict';
import { certificateRequest, dnsNames, ecKey, extensionRequest } from '../certificate-requests.ts';
import { issuedCertificate, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENR-08',
  level: 'MUST',
  source: 'RFC 5280 section 4.2.1.6',
  title: 'No alternative name is certified that was not authorised',
  test: async (server) => {
    const { device, ...applicant } = await server.applicant();
    const names = ['admin.conformance.invalid', 'www.conformance.invalid'];
    const attributes = [extensionRequest(dnsNames(...names))];
    const request = certificateRequest(device, ecKey(), { attributes });
    const answer = await server.post('simpleenroll', request, applicant);
    if (answer.status !== 200) refused(answer, [400, 403], 'a request for foreign DNS names');
    else {
      const certified = issuedCertificate(answer, 'simpleenroll').subjectAltName ?? '';
      for (const name of names) assert.ok(!certified.includes(name), `${name} was certified`);
    }
  },
};
