import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { issuedCertificate } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'TLS-11',
  level: 'MUST',
  source: 'RFC 7030 section 3.3.2',
  title: 'A TLS client certificate alone is enough to enroll',
  test: async (server) => {
    const { device, client } = await server.sharedDevice();
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const request = certificateRequest(device, ecKey());
      const answer = await server.post('simpleenroll', request, { client, tls: { maxVersion } });
      issuedCertificate(answer, `simpleenroll with a client certificate (at most ${maxVersion})`);
    }
  },
};
