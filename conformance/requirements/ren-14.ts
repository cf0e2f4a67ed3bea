import { ecKey } from '../certificate-requests.ts';
import { renewalRequest } from '../flows.ts';
import { issuedCertificate } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'REN-14',
  level: 'REC',
  source: 'RFC 7030 section 4.2.2',
  title: 'A renewal leaves the old certificate as it was',
  test: async (server) => {
    const { certificate, client } = await server.enrolledDevice();
    const post = (operation: string, request: Buffer) =>
      server.post(operation, request, { client });
    const renewed = await post('simplereenroll', renewalRequest(certificate, ecKey()));
    issuedCertificate(renewed, 'the renewal');
    const again = await post('simplereenroll', renewalRequest(certificate, ecKey()));
    issuedCertificate(again, 'another renewal with the old certificate');
  },
};
