import { ecKey } from '../certificate-requests.ts';
import { refusesClient, renewalRequest } from '../flows.ts';
import { issuerName, subjectName } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';
import { strangerCertificate } from '../self-made-certificates.ts';

export const requirement: Requirement = {
  id: 'REN-13',
  level: 'REC',
  source: 'RFC 5280 section 6.1.3',
  title: 'An expired certificate does not renew itself',
  test: async (server) => {
    const { certificate } = await server.sharedDevice();
    // Nobody can have the authority sign an expired certificate to order: this one only claims its issuer.
    const expired = strangerCertificate({
      subject: subjectName(certificate),
      issuer: issuerName(certificate),
      daysFrom: -30,
      daysTo: -1,
    });
    const renewal = renewalRequest(certificate, ecKey());
    await refusesClient(server, 'an expired certificate', 'simplereenroll', expired, renewal);
  },
};
