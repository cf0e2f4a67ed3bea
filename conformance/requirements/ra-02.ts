import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { refusesClient } from '../flows.ts';
import { issuerName, subjectName } from '../inspect-certificate.ts';
import { CMC_REGISTRATION_AUTHORITY, relayedDevice } from '../registration-authority.ts';
import type { Requirement } from '../requirement.ts';
import { strangerCertificate } from '../self-made-certificates.ts';

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

export const requirement: Requirement = {
  id: 'RA-02',
  level: 'MUST',
  source: 'RFC 7030 section 3.7',
  title: 'id-kp-cmcRA in a certificate of somebody else makes no registration authority',
  test: async (server) => {
    const { certificate } = await server.authority();
    const { device } = await relayedDevice(server);
    const purposes = [CLIENT_AUTH, CMC_REGISTRATION_AUTHORITY];
    const subject = subjectName(certificate);
    const issuer = issuerName(certificate);
    for (const [what, stranger] of [
      ['its name and purpose', strangerCertificate({ subject, purposes })],
      ['its name, purpose and issuer', strangerCertificate({ subject, purposes, issuer })],
    ] as const) {
      const request = certificateRequest(device, ecKey());
      await refusesClient(server, `a stranger with ${what}`, 'simpleenroll', stranger, request);
    }
  },
};
